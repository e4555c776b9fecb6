"use strict";
const NARROW_PX = 640, PRINT_PX = 700;
const root = document.documentElement;
const charts = JSON.parse(document.getElementById("charts").textContent);
const config = {
  displaylogo: false,
  responsive: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  toImageButtonOptions: { scale: 2 },
};

// Colours have their home in the style sheet: "@blue" is its --blue, "@blue/0.2" the same, see-through.
const probe = document.createElement("i");
document.body.append(probe);
function colour(token) {
  const [name, share] = token.slice(1).split("/");
  probe.style.color = `var(--${name})`;
  const rgb = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).join(",");
  return share ? `rgba(${rgb},${share})` : `rgb(${rgb})`;
}
function painted(value) {
  if (typeof value === "string") return /^@[a-z]+(\/[\d.]+)?$/.test(value) ? colour(value) : value;
  if (Array.isArray(value)) return value.map(painted);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, painted(part)]));
  }
  return value;
}

// Names beside points: each where it hides nothing that was placed before it.
const SIDES = {
  "top right": [1, -1], "bottom right": [1, 1], "top left": [-1, -1], "bottom left": [-1, 1],
  "middle right": [1, 0], "middle left": [-1, 0], "top center": [0, -1], "bottom center": [0, 1],
};
function overlap(a, b) {
  const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return wide > 0 && high > 0 ? wide * high : 0;
}
function placeNames(node) {
  const { xaxis, yaxis, _size: size } = node._fullLayout;
  const named = node.data.flatMap((trace, k) => (trace.meta === "point" ? [k] : []));
  const at = (k) => [xaxis.d2p(node.data[k].x[0]), yaxis.d2p(node.data[k].y[0])];
  const taken = named.flatMap((k) => {
    const [x, y] = at(k), { x: [cost], y: [rate], error_x: across, error_y: up } = node.data[k];
    const left = xaxis.d2p(cost - across.arrayminus[0]), right = xaxis.d2p(cost + across.array[0]);
    const high = yaxis.d2p(rate + up.array[0]), low = yaxis.d2p(rate - up.arrayminus[0]);
    return [[x - 7, y - 7, x + 7, y + 7], [left, y - 1, right, y + 1], [x - 1, high, x + 1, low]];
  });
  const steps = node.data.find((trace) => trace.name === "front");
  for (let k = 0; k + 1 < steps.x.length; k += 1) {
    const y = yaxis.d2p(steps.y[k]), x = xaxis.d2p(steps.x[k + 1]);
    taken.push([xaxis.d2p(steps.x[k]), y - 1, x, y + 1], [x - 1, yaxis.d2p(steps.y[k + 1]), x + 1, y]);
  }
  const chosen = named.map((k) => {
    const [x, y] = at(k), wide = 7 * node.data[k].name.length + 4, high = 15;
    const boxes = Object.entries(SIDES).map(([side, [right, down]]) => {
      const gap = right && down ? 5 : 9;
      const left = right > 0 ? x + gap : right < 0 ? x - gap - wide : x - wide / 2;
      const top = down > 0 ? y + gap - 2 : down < 0 ? y - gap - high + 2 : y - high / 2;
      const box = [left, top, left + wide, top + high];
      const outside = Math.max(0, -left, left + wide - size.w) + Math.max(0, -top, top + high - size.h);
      return [outside * 40 + taken.reduce((sum, other) => sum + overlap(box, other), 0), side, box];
    });
    const best = boxes.reduce((a, b) => (b[0] < a[0] ? b : a));
    taken.push(best[2]);
    return best[1];
  });
  if (named.length) Plotly.restyle(node, { textposition: chosen.map((side) => [side]) }, named);
}

let printing = false;
function draw(node) {
  const box = printing ? Math.min(node.clientWidth, PRINT_PX) : node.clientWidth;
  const chart = charts[node.id];
  const figure = painted(!printing && box < NARROW_PX && chart.narrow ? chart.narrow : chart.wide);
  Object.assign(figure.layout, { width: box, height: node.clientHeight });
  Plotly.react(node, figure.data, figure.layout, config);
  if (chart.names && box >= NARROW_PX) placeNames(node);
  node.dataset.drawn = box;
}
const nodes = [...document.querySelectorAll(".chart")];
const drawAll = () => nodes.forEach(draw);
drawAll();
let waiting;
new ResizeObserver(() => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (!printing) nodes.filter((n) => Number(n.dataset.drawn) !== n.clientWidth).forEach(draw);
  }, 80);
}).observe(document.querySelector("main"));
const folded = [...document.querySelectorAll("details.printed")];
function print(on) {
  printing = on;
  folded.forEach((each) => { each.open = on; });
  drawAll();
}
matchMedia("print").addEventListener("change", (event) => print(event.matches));
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));

// Light and dark.
const dark = matchMedia("(prefers-color-scheme: dark)");
const toggle = document.getElementById("theme");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
function showTheme() {
  toggle.setAttribute("aria-pressed", String(isDark()));
  drawAll();
}
toggle.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
dark.addEventListener("change", showTheme);
toggle.setAttribute("aria-pressed", String(isDark()));
toggle.hidden = false;

// Tables whose columns sort: the first click puts what is usually looked for on top.
function sortBy(heading) {
  const table = heading.closest("table"), body = table.tBodies[0];
  const column = heading.cellIndex, first = heading.dataset.first || "descending";
  const other = first === "descending" ? "ascending" : "descending";
  const order = heading.getAttribute("aria-sort") === first ? other : first;
  table.querySelectorAll("[aria-sort]").forEach((each) => each.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const key = (row) => row.cells[column].dataset.value;
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === y) return 0;
    if (x === "" || y === "") return x === "" ? 1 : -1; // what is unknown stands last either way
    return sign * (heading.dataset.kind === "text" ? x.localeCompare(y) : x - y);
  };
  body.append(...[...body.rows].sort(compare));
}
document.querySelectorAll(".sort").forEach((button) => {
  button.addEventListener("click", () => sortBy(button.closest("th")));
});

// Which brain's ways are shown.
const choice = document.getElementById("choice");
if (choice) {
  const panels = [...document.querySelectorAll(".worlds figure")];
  const shown = document.getElementById("shown");
  choice.addEventListener("change", () => {
    panels.forEach((p) => { p.hidden = choice.value !== "" && p.dataset.brain !== choice.value; });
    shown.textContent = `${panels.filter((p) => !p.hidden).length} of ${panels.length} shown`;
  });
}

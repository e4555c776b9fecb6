"""The picture of a campaign: success against faults, a line for each brain and protection."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from neurobot.plots.figures import DASHES, INK, PALETTE, STONE, Axes, Figure, legend_line

Row = Mapping[str, Any]
Line = tuple[str, str]  # controller and protection

SIZE_IN = (11.0, 4.9)
NOTE_CHARACTERS = 170
MARKERS = "osD^vP*X"
AMOUNTS = {
    "rate": "{faults} per {place} and second",
    "share": "share of {place}s with {faults}",
    "count": "{faults} in the {memory} at the beginning",
}
FAULTS = {
    "flip": "flips", "stuck0": "bits stuck at 0", "stuck1": "bits stuck at 1",
    "dead": "dead beams", "stuck": "stuck beams", "spike": "spikes", "brownout": "brown-outs",
}  # fmt: skip
PLACES = {"sensor": "beam", "latency": "robot", "clock": "robot"}


def axis_of(row: Row) -> str:
    """Say what the level of a row is."""
    if row["kind"] == "vary":
        return "sigma of the cells"
    place = PLACES.get(row["memory"], "bit")
    return AMOUNTS[row["amount"]].format(
        faults=FAULTS[row["kind"]], place=place, memory=row["memory"]
    )


def lines_of(rows: Sequence[Row]) -> dict[Line, list[Row]]:
    """Group the rows of levels by what is one line."""
    lines: dict[Line, list[Row]] = {}
    for row in rows:
        if row["level"]:
            lines.setdefault((row["controller"], row["protection"]), []).append(row)
    return lines


def styles_of(lines: Sequence[Line]) -> dict[Line, dict[str, Any]]:
    """Give each brain a colour and a marker, and each protection its dashes."""
    brains = list(dict.fromkeys(controller for controller, _ in lines))
    guards = list(dict.fromkeys(protection for _, protection in lines))
    return {
        (controller, protection): {
            "color": PALETTE[brains.index(controller) % len(PALETTE)],
            "marker": MARKERS[brains.index(controller) % len(MARKERS)],
            "linestyle": DASHES[guards.index(protection) % len(DASHES)],
        }
        for controller, protection in lines
    }


def draw_line(axes: Axes, found: Sequence[Row], x: str, style: Mapping[str, Any]) -> None:
    """Draw success against a figure of the rows, with its interval."""
    known = [row for row in found if row[x]]
    at = [row[x] for row in known]
    low, high = ([100 * row[f"success_{end}"] for row in known] for end in ("low", "high"))
    axes.fill_between(at, low, high, color=style["color"], alpha=0.08, linewidth=0)
    axes.plot(at, [100 * row["success_rate"] for row in known], markersize=4, linewidth=1.4,
              **style)  # fmt: skip


def draw_sound(axes: Axes, rows: Sequence[Row], styles: Mapping[Line, Any]) -> None:
    """Mark at the left edge how often each brain succeeds without faults."""
    colors = {controller: style["color"] for (controller, _), style in styles.items()}
    for row in rows:
        if not row["level"] and row["controller"] in colors:
            edge, color = axes.get_yaxis_transform(), colors[row["controller"]]
            axes.plot(0.0, 100 * row["success_rate"], marker=1, markersize=9, clip_on=False,
                      transform=edge, color=color)  # fmt: skip


def draw_halves(axes: Axes, halves: Sequence[Row], key: str, styles: Mapping[Line, Any]) -> None:
    """Mark below the lines where success is half of the sound one, with the interval."""
    drawn = [row for row in halves if row[key] and (row["controller"], row["protection"]) in styles]
    for k, row in enumerate(drawn):
        style = styles[row["controller"], row["protection"]]
        height, least, most = -3.0 - 2.6 * k, row[f"{key}_low"], row[f"{key}_high"]
        ends = [least or axes.get_xlim()[0], most or axes.get_xlim()[1]]
        axes.plot(ends, [height] * 2, color=style["color"], linewidth=1.2)
        axes.plot(row[key], height, markersize=5, color=style["color"], marker=style["marker"])
    axes.set_ylim(-4.0 - 2.6 * len(drawn), 104)


def draw_panel(axes: Axes, rows: Sequence[Row], halves: Sequence[Row], keys: Sequence[str]) -> None:
    """Draw all lines over one axis; keys: what it shows of levels, and of halves."""
    lines = lines_of(rows)
    styles = styles_of(list(lines))
    axes.set_xscale("log")
    for line, found in lines.items():
        draw_line(axes, found, keys[0], styles[line])
    axes.set_xlim(*axes.get_xlim())
    draw_halves(axes, halves, keys[1], styles)
    draw_sound(axes, rows, styles)
    axes.axhline(0, color=STONE, linewidth=0.6)
    axes.set_yticks(range(0, 101, 20))
    axes.grid(alpha=0.25, linewidth=0.5)


def draw_legend(figure: Figure, axes: Axes, lines: Sequence[Line]) -> None:
    """Say which brain each colour is, and which protection the dashes, if there are several."""
    styles = styles_of(lines)
    brains = {controller: style for (controller, _), style in reversed(styles.items())}
    guards = {protection: style for (_, protection), style in reversed(styles.items())}
    entries = [
        legend_line(axes, name, color=brains[name]["color"], marker=brains[name]["marker"],
                    markersize=4)
        for name in dict.fromkeys(controller for controller, _ in lines)
    ]  # fmt: skip
    if len(guards) > 1:
        entries += [
            legend_line(axes, name, color=INK, linestyle=guards[name]["linestyle"])
            for name in dict.fromkeys(protection for _, protection in lines)
        ]
    figure.legend(handles=entries, loc="outside right upper", handlelength=2.6)


def note(rows: Sequence[Row]) -> str:
    """Say what is drawn."""
    injected = sum(row["injected"] for row in rows)
    episodes = sum(row["episodes"] for row in rows)
    text = (
        f"{episodes} episodes, {injected:,} faults; the same worlds at all levels. Bands: 95 % "
        "intervals (Wilson). At the left edge: without faults. Below 0: where success is half of "
        "that, with its interval (bootstrap over worlds)."
    )
    return textwrap.fill(text, NOTE_CHARACTERS)


def draw_faults(figure: Figure, rows: Sequence[Row], halves: Sequence[Row]) -> None:
    """Draw success against the level of faults, and against the faults that an episode meets.

    rows: of levels and of the sound episodes; halves: of sweeps, all of one kind of fault.
    """
    lines = lines_of(rows)
    if not lines:
        raise ValueError("rows: none with faults found; one or more needed")
    first = next(iter(lines.values()))[0]
    figure.set_size_inches(*SIZE_IN)
    left, right = figure.subplots(1, 2, sharey=True)
    draw_panel(left, rows, halves, ("level", "half"))
    draw_panel(right, rows, halves, ("per_episode", "half_per_episode"))
    left.set_ylabel("success (%)")
    left.set_xlabel(axis_of(first))
    what = FAULTS.get(first["kind"], "faults")
    right.set_xlabel(f"{what} in an episode as long as without faults")
    draw_legend(figure, left, list(lines))
    figure.suptitle(f"Which brain bears how many faults: {first['memory']}, {first['kind']}")
    figure.supxlabel(note(rows), fontsize=7.5, x=0.01, ha="left")

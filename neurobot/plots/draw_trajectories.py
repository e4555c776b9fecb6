"""The picture of trajectories: small multiples of one world each."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurobot.envs.scene import Scene
from neurobot.envs.world import VX, VY, Floats, X, Y
from neurobot.plots.episodes import Course
from neurobot.plots.figures import (
    INK,
    STONE,
    Axes,
    Figure,
    draw_discs,
    draw_solids,
    legend_line,
    style_of,
)
from neurobot.plots.trajectories import Panel, Track, loops

PAGE_IN = (9.6, 6.6)  # the most that panels take, width and height
PANEL_IN = 5.6  # the most of one panel's longer side
LABELS_IN = 0.5  # beside and below each panel
TITLE_IN = 0.45
LEAST_IN = 4.5  # of the figure's width, for its title
HANDLE_IN, LETTER_IN = 0.75, 0.075  # of an entry of the legend
ROW_IN = 0.2  # of a legend below wide ones
EDGE_M = 0.4  # around the world

# Of the end of a path.
MARKERS = {"success": "o", "collision": "X", "timeout": "s"}
AHEAD = np.array([[1.0, 0.0], [-0.8, 0.7], [-0.4, 0.0], [-0.8, -0.7], [1.0, 0.0]])
START: dict[str, Any] = {"color": "white", "markeredgecolor": INK, "linestyle": ""}
GOAL: dict[str, Any] = {"marker": "*", "color": INK, "markeredgewidth": 0, "linestyle": ""}
MOVING = "#F3D9B1"


def extent(panel: Panel) -> Floats:
    """Return the corners of what a panel must show, (2, 2): lowest and highest x and y."""
    points = [track.poses[:, :2] for track in panel.tracks]
    points.append(np.array(panel.scene.bounds).reshape(2, 2))
    everything = np.concatenate(points)
    return np.array([everything.min(axis=0) - EDGE_M, everything.max(axis=0) + EDGE_M])


def arrange(count: int, aspect: float) -> tuple[int, int, float]:
    """Return rows, columns and height in inches that make so many panels largest on a page."""

    def height(columns: int) -> float:
        rows = math.ceil(count / columns)
        room = PAGE_IN[0] / columns - LABELS_IN, PAGE_IN[1] / rows - LABELS_IN
        return min(room[0] / aspect, room[1], PANEL_IN, PANEL_IN / aspect)

    def worth(columns: int) -> float:
        return height(columns) * count / (columns * math.ceil(count / columns))

    columns = max(range(1, count + 1), key=lambda n: round(worth(n), 6))
    return math.ceil(count / columns), columns, height(columns)


def draw_world(axes: Axes, panel: Panel) -> None:
    """Draw what stands and moves in a world, its start and its goal."""
    scene = panel.scene
    draw_solids(axes, loops(scene.outlines), facecolor=STONE, edgecolor=INK, linewidth=0.4)
    moving = scene.discs[:, [VX, VY]].any(axis=1)
    still, movers = scene.discs[~moving], scene.discs[moving]
    draw_discs(axes, still, facecolor=STONE, edgecolor=INK, linewidth=0.4)
    draw_discs(axes, movers, facecolor=MOVING, edgecolor=INK, linewidth=0.6)
    if len(movers):
        axes.quiver(*movers[:, [X, Y, VX, VY]].T, angles="xy", scale_units="xy", scale=1,
                    units="inches", width=0.012, color=INK, zorder=2)  # fmt: skip
    for x0, y0, x1, y1 in scene.walls.tolist():
        axes.plot([x0, x1], [y0, y1], color=INK, linewidth=1.4, solid_capstyle="round", zorder=2)
    if panel.goal is not None:
        around = np.array([[*panel.goal, scene.goal_tolerance_m]])
        draw_discs(axes, around, facecolor="none", edgecolor=INK, linewidth=1, linestyle="--")
        axes.plot(*panel.goal, zorder=3, markersize=9, **GOAL)


def draw_start(axes: Axes, scene: Scene, size: float) -> None:
    """Mark the start by an arrow head that points ahead."""
    x, y, heading = scene.start
    cos, sin = math.cos(heading), math.sin(heading)
    marker = AHEAD @ np.array([[cos, sin], [-sin, cos]])
    axes.plot(x, y, zorder=6, marker=marker, markersize=1.5 * size, **START)


def draw_track(axes: Axes, track: Track, k: int, size: float) -> None:
    """Draw the path of the k-th controller and mark its end; size: of the mark, points."""
    style = style_of(k)
    axes.plot(*track.poses[:, :2].T, linewidth=1.7, alpha=0.95, zorder=4, **style)
    axes.plot(
        *track.poses[-1, :2],
        marker=MARKERS[track.episode.outcome],
        color=style["color"],
        markersize=size,
        markeredgecolor="white",
        markeredgewidth=0.9,
        zorder=5,
    )


def draw_panel(axes: Axes, panel: Panel, span_m: Floats, size: float) -> None:
    """Draw one world and the tracks in it, true to scale; size: of marks, points."""
    draw_world(axes, panel)
    for k, track in enumerate(panel.tracks):
        draw_track(axes, track, k, size)
    draw_start(axes, panel.scene, size)
    middle = extent(panel).mean(axis=0)
    (x0, y0), (x1, y1) = middle - span_m / 2, middle + span_m / 2
    axes.set(xlim=(x0, x1), ylim=(y0, y1), aspect="equal")
    axes.set_title(panel.label)
    axes.locator_params(nbins=6, steps=[1, 2, 5, 10])


def symbols(axes: Axes, panels: Sequence[Panel]) -> list[Any]:
    """Make the legend's entries of what stands, moves and ends in some panels."""
    discs = np.concatenate([panel.scene.discs for panel in panels])
    solid = any(len(panel.scene.outlines) for panel in panels)
    moving = discs[:, [VX, VY]].any(axis=1)
    entries = [legend_line(axes, "start", marker=AHEAD, markersize=11, **START)]
    if any(panel.goal is not None for panel in panels):
        entries.append(legend_line(axes, "goal, tolerance", markersize=9, **GOAL))
    blob: dict[str, Any] = {"linestyle": "", "marker": "o", "markeredgecolor": INK, "markersize": 8}
    if solid or (~moving).any():
        entries.append(legend_line(axes, "obstacle", **blob, color=STONE, markeredgewidth=0.5))
    if moving.any():
        entries.append(legend_line(axes, "moving, 1 s ahead", **blob, color=MOVING))
    ends = {track.episode.outcome for panel in panels for track in panel.tracks}
    point: dict[str, Any] = {"linestyle": "", "color": "#777777", "markersize": 7}
    return entries + [
        legend_line(axes, outcome, marker=marker, **point)
        for outcome, marker in MARKERS.items()
        if outcome in ends
    ]


def in_rows(axes: Axes, groups: Sequence[list[Any]], columns: int) -> list[Any]:
    """Begin a row of the legend with each group: matplotlib fills columns, so pad and transpose."""
    rows = [
        row.tolist()
        for group in groups
        for row in np.array_split(np.array(group, dtype=object), math.ceil(len(group) / columns))
    ]
    blank = legend_line(axes, " ", linestyle="")
    return [row[c] if c < len(row) else blank for c in range(columns) for row in rows]


def add_legend(figure: Figure, groups: Sequence[list[Any]], size: tuple[float, float]) -> None:
    """Put the legend where nothing is drawn: beside tall panels, below wide ones.

    size: width and height of the panels, in inches; the figure becomes so much larger.
    """
    longest = max(len(entry.get_label()) for group in groups for entry in group)
    wide_in, tall_in, entry_in = *size, HANDLE_IN + LETTER_IN * longest
    if wide_in < 0.8 * tall_in:
        place: Any = "outside right center"
        columns, wide_in = 1, wide_in + entry_in + LABELS_IN
    else:
        place, wide_in = "outside lower center", max(wide_in, entry_in)
        columns = min(int(wide_in / entry_in), max(len(group) for group in groups))
        tall_in += ROW_IN * sum(math.ceil(len(group) / columns) for group in groups)
    entries = in_rows(figure.axes[0], groups, columns)
    figure.legend(handles=entries, loc=place, ncols=columns, handlelength=2.6)
    figure.set_size_inches(max(wide_in, LEAST_IN), tall_in)


def label_axes(figure: Figure, rows: int, columns: int, count: int) -> list[Axes]:
    """Make the panels; name the axes at the rim."""
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for k, axes in enumerate(panels):
        axes.set_xlabel("x, m" if k + columns >= count else "")
        axes.set_ylabel("" if k % columns else "y, m")
        axes.set_visible(k < count)
    return panels[:count]


def draw_trajectories(figure: Figure, course: Course, panels: Sequence[Panel]) -> None:
    """Draw worlds and everybody's path through them."""
    span_m: Floats = np.max([np.ptp(extent(panel), axis=0) for panel in panels], axis=0)
    aspect = float(span_m[0] / span_m[1])
    rows, columns, height_in = arrange(len(panels), aspect)
    wide_in = columns * (height_in * aspect + LABELS_IN)
    tall_in = rows * (height_in + LABELS_IN) + TITLE_IN
    shown = label_axes(figure, rows, columns, len(panels))
    for axes, panel in zip(shown, panels, strict=True):
        draw_panel(axes, panel, span_m, size=min(max(1.6 * height_in, 5.5), 8.0))
    names = [track.controller for track in panels[0].tracks]
    lines = [legend_line(shown[0], n, linewidth=1.7, **style_of(k)) for k, n in enumerate(names)]
    add_legend(figure, [lines, symbols(shown[0], panels)], (wide_in, tall_in))
    layout: Any = figure.get_layout_engine()
    layout.set(h_pad=0.09, hspace=0.05)
    figure.suptitle(f"{course.env}, {Path(course.scenario).name}")

"""Figures as files or in a window (the only module of `plots` that needs matplotlib)."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle, PathPatch
    from matplotlib.path import Path as Outline
    from matplotlib.ticker import EngFormatter, LogLocator
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "drawing figures needs matplotlib: pip install 'neurobot[plot]'"
    ) from missing

from neurobot.envs.world import Floats
from neurobot.writing import advice, whole

__all__ = [
    "INK", "PALETTE", "STONE", "Axes", "Figure", "draw_discs", "draw_solids", "engineering",
    "legend_line", "picture", "show_units", "style_of",
]  # fmt: skip

# Okabe and Ito's colours, which colour-blind readers can tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
INK, STONE = "#343C46", "#A9B0B8"
DOTS_PER_INCH = 120
LOOK: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.titlesize": 10.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "pdf.fonttype": 42,  # letters stay letters
    "svg.hashsalt": "neurobot",  # names in the file follow from its content alone
}
# What a file would say of the moment at which it was written.
UNDATED: dict[str, dict[str, Any]] = {
    ".pdf": {"CreationDate": None},
    ".png": {},
    ".svg": {"Date": None},
}
FILES_ONLY = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")  # matplotlib's backends


@contextmanager
def picture(out: str | None) -> Iterator[Figure]:
    """Give a blank figure; at the end write it to a file, or show it in a window without one.

    What stands in the way of either is said before anything is drawn.
    """
    path = None if out is None else check_file(out)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        figure = open_window() if path is None else Figure(layout="constrained")
        yield figure
        if path is None:
            show()
        else:
            write(figure, path)


def check_file(out: str) -> Path:
    """Refuse a file that cannot be written."""
    path = Path(out)
    if path.suffix.lower() not in UNDATED:
        raise ValueError(
            f"--out {out}: unknown suffix {path.suffix!r}; known: {', '.join(UNDATED)}"
        )
    if not path.parent.is_dir():
        raise ValueError(f"--out {out}: no folder {path.parent} found; make it first")
    place = path if path.exists() else path.parent
    if path.is_dir() or not os.access(place, os.W_OK):
        raise ValueError(f"--out {out}: {place} found, which cannot be written")
    return path


def settle(figure: Figure) -> None:
    """Lay a figure out for good: the solver's last bits differ from run to run."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(tuple(round(side, 5) for side in axes.get_position().bounds))


def write(figure: Figure, path: Path) -> None:
    """Write a figure; equal figures give equal bytes."""
    settle(figure)
    try:
        with whole(path) as draft:
            figure.savefig(draft, dpi=DOTS_PER_INCH, metadata=UNDATED[path.suffix.lower()])
    except OSError as error:
        raise ValueError(f"--out {path}: cannot be written: {advice(error)}") from error


def open_window() -> Figure:
    """Make a figure that a window will show."""
    from matplotlib import pyplot  # it decides at once which windows there are

    advice = "give -o FILE to write the picture"
    try:
        figure: Figure = pyplot.figure(layout="constrained")
    except ImportError as error:
        raise ValueError(f"no window can be opened ({error}): {advice}") from error
    if matplotlib.get_backend().lower() in FILES_ONLY:
        pyplot.close(figure)
        raise ValueError(f"no window can be opened, there is no display: {advice}")
    return figure


def show() -> None:
    """Show the window until it is closed."""
    from matplotlib import pyplot

    pyplot.show()


def style_of(k: int) -> dict[str, Any]:
    """Colour and dashes of the k-th of several; both differ."""
    return {"color": PALETTE[k % len(PALETTE)], "linestyle": DASHES[k % len(DASHES)]}


def engineering(value: float, unit: str) -> str:
    """Write a quantity with a prefix: 4.2 ms."""
    return str(EngFormatter(unit, places=1)(value))


def show_units(axes: Axes, unit: str, logarithmic: bool) -> None:
    """Label the x axis with prefixes: 10 ms."""
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(LogLocator(subs=tuple(range(1, 10))))
        axes.xaxis.set_minor_formatter("")
    axes.xaxis.set_major_formatter(EngFormatter(unit))


def draw_discs(axes: Axes, discs: Floats, **style: Any) -> None:
    """Draw discs (K, 3 or more) of x, y and radius."""
    circles = [Circle((x, y), radius) for x, y, radius in discs[:, :3].tolist()]
    axes.add_collection(PatchCollection(circles, **style), autolim=False)


def draw_solids(axes: Axes, loops: Sequence[Floats], **style: Any) -> None:
    """Fill what closed loops (n, 2) turn around; those that turn the other way are holes."""
    if loops:
        closed = [Outline(np.concatenate([loop, loop[:1]]), closed=True) for loop in loops]
        axes.add_patch(PathPatch(Outline.make_compound_path(*closed), **style))


def legend_line(axes: Axes, label: str, **style: Any) -> Any:
    """Make an entry of a legend, without drawing anything."""
    return axes.plot([], [], label=label, **style)[0]

"""The meters: what the brain takes, now and in the mean, beside the last other brain."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from neurobot.demo.layout import Box
from neurobot.demo.meters import LATELY_S, Reading
from neurobot.demo.pen import Pen
from neurobot.quantities import prefixed

FIRST_COLUMN = 0.21  # of the width
HEAD, NOW, ROW = 24, 40, 22  # heights of the rows, as designed

# Heading, and how a reading's figure is written.
Column: TypeAlias = tuple[str, Callable[[Reading], str]]
COLUMNS: tuple[Column, ...] = (
    ("latency / decision", lambda r: prefixed(r.latency_s, "s", 3)),
    ("energy / decision", lambda r: prefixed(r.energy_j, "J", 3)),
    (f"power, last {LATELY_S:g} s", lambda r: prefixed(r.power_w, "W", 3)),
    (f"operations, last {LATELY_S:g} s", lambda r: prefixed(r.operations_per_s, f"{r.unit}/s", 3)),
    (f"energy / metre, last {LATELY_S:g} s", lambda r: prefixed(r.energy_per_metre_j, "J/m", 3)),
)
LATENCY = 0  # its column


@dataclass(frozen=True)
class Meters:
    """What the panel shows: of the brain that drives, and of the one before."""

    name: str
    score: str
    now: Reading
    mean: Reading
    previous: tuple[str, Reading] | None  # its name and means
    note: str  # where the prices come from
    is_late: bool  # whether the last decision takes longer than a control step


def paint_meters(pen: Pen, box: Box, meters: Meters) -> None:
    """Paint the table: headings, this decision, the mean, the last other brain's mean."""
    inside = pen.panel(box)
    names, table = inside.split_left(round(FIRST_COLUMN * inside.width))
    y_now, y_mean, y_previous = (
        inside.y + pen.px(offset) for offset in (HEAD, HEAD + NOW, HEAD + NOW + ROW)
    )
    words = names.width - pen.px(8)
    faint = pen.theme.faint
    pen.text(meters.name, "topleft", (names.x, inside.y), size="title", width=words)
    second = (names.x, inside.y + pen.px(24))
    pen.text(meters.score, "topleft", second, size="small", width=words)
    third = (names.x, inside.y + pen.px(42))
    pen.text(meters.note, "topleft", third, size="small", colour=faint, width=words)
    previous = meters.previous
    pen.text("mean", "topleft", (names.x, y_mean), colour=faint)
    label = f"mean of {previous[0]}" if previous else "other brain: press C"
    pen.text(label, "topleft", (names.x, y_previous), colour=faint, width=words)
    for k, (heading, figure) in enumerate(COLUMNS):
        right = table.x + round(table.width * (k + 1) / len(COLUMNS))
        room = table.width / len(COLUMNS) - pen.px(8)
        late = ", late" if k == LATENCY and meters.is_late else ""
        head = (right, inside.y)
        pen.text(heading + late, "topright", head, size="small", colour=faint, width=room)
        at = (right, y_now - pen.px(2))
        pen.text(figure(meters.now), "topright", at, size="large", width=room)
        pen.text(figure(meters.mean), "topright", (right, y_mean), width=room)
        if previous:
            pen.text(figure(previous[1]), "topright", (right, y_previous), colour=faint, width=room)

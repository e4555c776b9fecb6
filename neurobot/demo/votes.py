"""The decision as bars: membrane potentials and votes of the moves, from left to right."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from neurobot.decode import NO_WINNER, winner
from neurobot.demo.bars import Bars, Span, spread
from neurobot.demo.layout import Box
from neurobot.demo.pen import Pen
from neurobot.demo.raster import LABELS, colour_of
from neurobot.demo.thoughts import FULL, Spikes

NAMES_PX = 20  # height of the words below the bars, as designed


@cache
def spans(width: int, count: int) -> tuple[Span, ...]:
    """Share a width among so many moves; the first and the last stand a little apart."""
    inner = spread(width, count + 2)
    return (inner[0], *inner[2:-2], inner[-1])


def paint_potentials(pen: Pen, box: Box, thought: Spikes, tick: int) -> None:
    """Paint the motor neurons' potentials as bars, and the premotor neurons' as lines on them."""
    motor, premotor = thought.motor[tick - 1] / FULL, thought.premotor[tick - 1] / FULL
    bars = Bars(box, spans(box.width, len(motor)))
    bars.raise_to(motor, 1)
    bars.mark_at(premotor, 2, pen.px(3))
    theme = pen.theme
    bars.paint(pen, theme.floor, colour_of(theme, "motor"), colour_of(theme, "premotor"))


def leader(votes: NDArray[np.int64]) -> int:
    """Return the position of the move that has the majority, else NO_WINNER."""
    return int(winner(np.ascontiguousarray(votes, np.int32)))


def paint_votes(pen: Pen, box: Box, thought: Spikes, tick: int) -> None:
    """Paint the votes so far as bars; a full one voted in every tick."""
    votes = thought.votes[tick - 1]
    shares, best = votes / thought.ticks, leader(votes)
    bars = Bars(box, spans(box.width, len(votes)))
    bars.raise_to(shares, 1)
    if best != NO_WINNER:
        bars.raise_to(np.where(np.arange(len(votes)) == best, shares, 0.0), 2)
    bars.paint(pen, pen.theme.floor, colour_of(pen.theme, "motor"), pen.theme.success)


def verdict(thought: Spikes, tick: int) -> str:
    """Say what the motor neurons have voted for, up to a tick."""
    votes = thought.votes[tick - 1]
    best, total = leader(votes), int(votes.sum())
    if best != NO_WINNER:
        return f"{thought.moves[best]}: {votes[best]} of {total} votes"
    said = "no majority" if total else "no votes"
    return said if tick < thought.ticks else f"{said}: stop"


def paint_decision(pen: Pen, box: Box, thought: Spikes, tick: int) -> None:
    """Paint potentials above votes, and below them where the moves lead."""
    names, field = box.split_left(pen.px(LABELS))
    bars, words = field.split_top(field.height - pen.px(NAMES_PX))
    upper, lower = bars.split_top((bars.height - pen.px(8)) // 2)
    lower = Box(lower.x, lower.bottom - upper.height, lower.width, upper.height)
    paint_potentials(pen, upper, thought, tick)
    paint_votes(pen, lower, thought, tick)
    right = names.right - pen.px(10)
    for label, place in (("potentials", upper), ("votes", lower)):
        at = (right, place.y + place.height / 2)
        pen.text(label, "midright", at, size="small", width=names.width - pen.px(10))
    y = words.bottom
    ends = (("spin left", "bottomleft", words.x), ("spin right", "bottomright", words.right))
    for label, anchor, x in ends:
        pen.text(label, anchor, (x, y), size="small", colour=pen.theme.faint)
    middle = words.x + words.width / 2
    pen.text("ahead", "midbottom", (middle, y), size="small", colour=pen.theme.faint)

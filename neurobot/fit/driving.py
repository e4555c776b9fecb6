"""Driving candidates through worlds: in this process, or wherever a `Drive` sends them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neurobot.chip import Chip
from neurobot.controllers.poppins import Brain
from neurobot.fit.places import Place, open_arena
from neurobot.fit.score import Tally, tallies
from neurobot.fit.space import Numbers, to_program


@dataclass(frozen=True)
class Trip:
    """Which worlds of a place, on which chip, at whose prices."""

    place: Place
    worlds: tuple[int, ...]
    chip: Chip
    cost_table: str


Drive = Callable[[Trip, Sequence[Numbers]], list[Tally]]


def drive_here(trip: Trip, candidates: Sequence[Numbers], threads: int = 1) -> list[Tally]:
    """Drive every candidate through the worlds of a trip."""
    arena, worlds = open_arena(trip.place), np.array(trip.worlds)
    brains = [Brain(to_program(numbers), trip.chip, arena.body) for numbers in candidates]
    logs = arena.drive(brains, worlds, threads=threads)
    return tallies(arena, worlds, brains, logs, trip.cost_table)


def drive_all(drive: Drive, trips: Sequence[Trip], candidates: Sequence[Numbers]) -> list[Tally]:
    """Drive every candidate through several places, and add up."""
    totals = [Tally()] * len(candidates)
    for trip in trips:
        found = drive(trip, candidates)
        totals = [total.plus(tally) for total, tally in zip(totals, found, strict=True)]
    return totals

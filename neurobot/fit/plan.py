"""What a fit is: everything that decides its course, and when it ends."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

import neurobot
from neurobot.chip import Chip
from neurobot.controllers import make_controller
from neurobot.controllers.poppins import PoppinsController
from neurobot.controllers.programs import Program
from neurobot.cost import tables_of
from neurobot.events import Events
from neurobot.fit.driving import Trip
from neurobot.fit.places import MOST_WORLDS, TEST, TRAIN, VALIDATION, Place, open_arena
from neurobot.fit.score import Weights

POPULATIONS = (4, 1000)
HEAT_SHARE = 3  # every candidate drives one world in so many, the better half all of them
# Bad programs take longest, for they stand still until time is up; few worlds tell them apart.
FIRST_WORLDS, GROWTH = 6, 0.2  # worlds of the first generation, and more with each one


@dataclass(frozen=True)
class Plan:
    """One fit: everything that decides its course. Worlds are counted per scenario."""

    controller: str
    env: str
    scenarios: tuple[str, ...]
    seed: int = 0
    population: int = 16
    worlds: int = 36  # a generation's at most, drawn anew from the pool
    pool: int = 300  # training worlds
    validation: int = 100
    test: int = 300
    weights: Weights = field(default_factory=Weights)
    cost_table: str = "paper"  # the weight of energy is for its joules
    options: tuple[tuple[str, Any], ...] = ()  # further keywords of the environment

    def __post_init__(self) -> None:
        low, high = POPULATIONS
        if not low <= self.population <= high:
            raise ValueError(f"population={self.population} must be in {low}..{high}")
        if not HEAT_SHARE <= self.worlds <= MOST_WORLDS:
            raise ValueError(f"worlds={self.worlds} must be in {HEAT_SHARE}..{MOST_WORLDS}")
        if self.cost_table not in (known := tables_of(Events.chip)):
            raise ValueError(f"cost table: unknown {self.cost_table!r}; known: {', '.join(known)}")

    @property
    def key(self) -> dict[str, Any]:
        """The same as plain values, with the version that follows it."""
        return {**asdict(self), "options": dict(self.options), "version": neurobot.__version__}

    @property
    def search_key(self) -> dict[str, Any]:
        """What of it decides the course of the search."""
        return {name: value for name, value in self.key.items() if name not in (VALIDATION, TEST)}

    @property
    def brain(self) -> PoppinsController:
        """What the controller's name stands for: a chip, and programs to compare with."""
        controller = make_controller(self.controller)
        if not isinstance(controller, PoppinsController):
            raise ValueError(f"controller {self.controller!r}: no program in it; known: poppins")
        return controller

    @property
    def chip(self) -> Chip:
        """What the candidates run on."""
        return self.brain.chip

    @property
    def seeking(self) -> bool:
        """Whether the robots have a goal."""
        return open_arena(self.place(self.scenarios[0], TRAIN)).seeking

    @property
    def baseline(self) -> Program:
        """The program to compare with."""
        brain = self.brain
        program = brain.programs[self.seeking]
        if program is None:
            task = brain.programs._fields[self.seeking]
            raise ValueError(f"controller {self.controller!r}: no program to {task} in it")
        return program

    def place(self, scenario: str, part: str) -> Place:
        """Name the worlds of a scenario for a purpose."""
        count = {
            TRAIN: max(self.pool, self.worlds), VALIDATION: self.validation, TEST: self.test
        }[part]  # fmt: skip
        return Place(self.env, scenario, part, count, self.seed, self.options)

    def trip(self, scenario: str, part: str, worlds: Any = None) -> Trip:
        """Name some worlds of a place, or all."""
        place = self.place(scenario, part)
        chosen = range(len(open_arena(place))) if worlds is None else worlds
        return Trip(place, tuple(int(w) for w in chosen), self.chip, self.cost_table)

    def trips(self, part: str) -> list[Trip]:
        """Name all worlds for a purpose."""
        return [self.trip(scenario, part) for scenario in self.scenarios]

    def generation_trips(self, generation: int) -> tuple[list[Trip], list[Trip]]:
        """Draw a generation's training worlds: those that all drive, and those for the better."""
        heat, final = [], []
        wanted = min(self.worlds, FIRST_WORLDS + int(GROWTH * generation))
        for k, scenario in enumerate(self.scenarios):
            chance = np.random.default_rng([self.seed, generation, k])
            held = len(open_arena(self.place(scenario, TRAIN)))
            drawn = chance.permutation(held)[:wanted]
            first = math.ceil(len(drawn) / HEAT_SHARE)
            heat.append(self.trip(scenario, TRAIN, drawn[:first]))
            final.append(self.trip(scenario, TRAIN, drawn[first:]))
        return heat, final


@dataclass(frozen=True)
class Limits:
    """When the search ends: after so many minutes of it, or generations, whichever is first."""

    minutes: float = 12.0
    generations: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.minutes <= 1e6:
            raise ValueError(f"minutes={self.minutes} must be above 0, and 1e6 at most")
        if self.generations is not None and self.generations < 1:
            raise ValueError(f"generations={self.generations} must be 1 or more")

    def reached(self, generations: int, seconds: float) -> bool:
        """Whether it is time to stop."""
        enough = self.generations is not None and generations >= self.generations
        return enough or seconds >= 60 * self.minutes

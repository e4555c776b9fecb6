"""Where candidates drive: worlds for training, for choosing and for testing, always apart.

Generated worlds have seeds of a range for each purpose, those of a file positions for each. Test
and validation worlds are the same for every fit; training worlds follow from its seed. Seeds below
those of all three are what `neurobot evaluate` draws by default.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import gymnasium as gym

from neurobot.envs.maps import open_worlds
from neurobot.rollout import Arena

TRAIN, VALIDATION, TEST = PARTS = ("train", "validation", "test")
MOST_WORLDS = 10_000
SEEDS = {part: range(k * 1_000_000, (k + 1) * 1_000_000) for k, part in enumerate(PARTS, start=1)}
# Position of a file's world, modulo SHARES. The shipped programs were searched for by hand on even
# positions: odd ones are unseen by both.
SHARES = 6
POSITIONS = {TRAIN: (0, 2), VALIDATION: (4,), TEST: (1, 3, 5)}


@dataclass(frozen=True)
class Place:
    """Worlds of one scenario for one purpose."""

    env: str
    scenario: str
    part: str
    count: int
    seed: int  # of the fit
    options: tuple[tuple[str, Any], ...] = ()  # further keywords of the environment

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_WORLDS:
            raise ValueError(f"{self.part} worlds: {self.count} found, 1..{MOST_WORLDS} allowed")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed} must be 0 or more")

    @property
    def seeds(self) -> range:
        """One of each world's episode."""
        known = SEEDS[self.part]
        shift = self.seed * MOST_WORLDS % len(known) if self.part == TRAIN else 0
        return known[shift : shift + self.count]

    def positions(self, held: int) -> list[int]:
        """Which worlds these are of a file that holds so many: each once, so maybe fewer."""
        ours = [k for k in range(held) if k % SHARES in POSITIONS[self.part]]
        if not ours:
            raise ValueError(
                f"scenario {self.scenario!r}: {held} worlds found, {SHARES} or more needed to keep "
                f"{', '.join(PARTS)} apart"
            )
        return ours[: self.count]


@lru_cache(maxsize=32)
def open_arena(place: Place) -> Arena:
    """Draw the worlds, once per process."""
    held = open_worlds(place.scenario).count
    worlds = None if held is None else place.positions(held)
    try:
        return Arena(
            place.env,
            place.seeds if worlds is None else place.seeds[: len(worlds)],
            worlds=worlds,
            scenario=place.scenario,
            **dict(place.options),
        )
    except TypeError as error:  # it is somebody else's, and knows no scenario
        raise ValueError(f"env: {place.env} has no worlds of ours") from error
    except gym.error.Error as error:
        raise ValueError(f"env: {' '.join(str(error).split())}") from error

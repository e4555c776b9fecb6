"""Recorded decisions: what the avoidance network was told in real episodes, window by window."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from neurobot.controllers import veto
from neurobot.controllers.poppins import PoppinsController
from neurobot.decode import winner
from neurobot.fixed import Ints
from neurobot.loop import Observation, attach, run_episode
from neurobot.poppins import Poppins

SOURCES = (
    ("neurobot/Avoidance-v0", "forest"),
    ("neurobot/Avoidance-v0", "corridor"),
    ("neurobot/Avoidance-v0", "looming"),
    ("neurobot/Navigation-v0", "forest"),
    ("neurobot/Navigation-v0", "barn"),
)
EPISODES = 10  # of each source, at least


@dataclass(frozen=True)
class Windows:
    """Sensor windows of one source, each a decision from rest of the same network."""

    env: str
    scenario: str
    network: Poppins
    motors: NDArray[Any]  # (V,) positions of the neurons that vote
    drivers: NDArray[Any]  # (V,) positions of the neurons that drive them
    angles_rad: NDArray[np.float64]  # (V,) where the votes point; nan: spinning on the spot
    episodes: NDArray[Any]  # (W,) which episode each is from
    trains: NDArray[np.bool_]  # (W, T, N)

    def __len__(self) -> int:
        return len(self.trains)

    @property
    def name(self) -> str:
        """Task and scenario."""
        return f"{self.env.removeprefix('neurobot/').removesuffix('-v0')} {self.scenario}"

    @cached_property
    def drives(self) -> Ints:
        """The external stimulus of each window, (W, T, N)."""
        return np.stack([self.network.drive(trains) for trains in self.trains])

    def winners(self, spikes: NDArray[np.bool_]) -> Ints:
        """Decisions of runs (W, T, N), (W,): a vote, or NO_WINNER."""
        votes = spikes[:, :, self.motors].sum(axis=1, dtype=np.int32)
        return np.array([winner(counts) for counts in votes], np.int32)


class Recorder(PoppinsController):
    """The shipped controller, which also keeps what its chip was told."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[NDArray[np.bool_]] = []

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Decide, and keep the window."""
        action = super().act(observation)
        self.kept.append(self.brain.trains)
        return action


def record_windows(env_id: str, scenario: str, count: int, seed: int) -> Windows:
    """Drive some episodes and keep `count` windows, evenly spread over all decisions."""
    env = gym.make(env_id, scenario=scenario, disable_env_checker=True)
    recorder = Recorder()
    attach(recorder, env)
    ends: list[int] = []
    while len(ends) < EPISODES or len(recorder.kept) < count:
        run_episode(env, recorder, seed + len(ends))
        ends.append(len(recorder.kept))
    env.close()
    chosen = np.linspace(0, len(recorder.kept) - 1, count).round().astype(int)
    brain = recorder.brain
    angles = np.full(len(brain.voters), np.nan)
    angles[: len(brain.angles)] = brain.angles
    drivers = np.arange(veto.PREMOTOR, veto.MOTOR)
    return Windows(
        env_id,
        scenario,
        brain.network,
        brain.voters,
        drivers,
        angles,
        np.searchsorted(ends, chosen, side="right"),
        np.stack([recorder.kept[i] for i in chosen]),
    )

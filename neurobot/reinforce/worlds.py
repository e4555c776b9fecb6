"""The worlds of `neurobot/Avoidance-v0` as Stable-Baselines3 wants them, many scenarios at once.

What is seen are bytes, as `imitate.drives.look` gives them; an action is one of the choices of
`controllers.steering`. An episode here ends by a collision, or is cut: no clock is seen, so none is
to be foreseen. Rewards are the environment's own, times REWARD_SCALE; a collision may cost more.
"""

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from neurobot.controllers.steering import CHOICES, choose, make_choices, wheels_of
from neurobot.envs.batch import Batch
from neurobot.envs.settings import make_settings
from neurobot.envs.tasks import COLLISION, COLLISION_REWARD
from neurobot.imitate.drives import look

Array = NDArray[Any]

FIRST_SEED = 20_000_000  # of lists of seeds; no evaluation draws from such a list
ROWS = {"forest": 20, "corridor": 12, "looming": 10, "crossing": 8, "rooms": 8, "barn": 6}
EPISODE_STEPS = 600
NO_LIMIT_S = 1e6
REWARD_SCALE = 0.1  # so that what is to come is worth about 1
GROUND_M2 = 20  # what an episode that was cut must have visited to count as a success


class Rows:
    """So many worlds of one scenario, and the last choice in each."""

    def __init__(self, scenario: str, rows: int, sensor: str) -> None:
        options = {"scenario": scenario, "sensor": sensor, "time_limit_s": NO_LIMIT_S}
        self.batch = Batch(rows, False, make_settings(options))
        self.last = np.zeros(rows, np.int64)
        self.gained = np.zeros(rows)

    def renew(self, i: int, rng: np.random.Generator) -> None:
        """Put a new world of any difficulty into row i."""
        self.batch.reset(i, rng, {"difficulty": float(rng.uniform())})
        self.last[i], self.gained[i] = 0, 0.0

    def step(self, wanted: Array, choices: Array) -> None:
        """Take the choices (rows,) as `controllers.steering.choose` lets them pass."""
        robot = self.batch.robot
        limits = robot.track_m, robot.max_speed_mps, robot.max_yaw_rate_radps
        one_hot = np.eye(CHOICES, dtype=np.int8)[wanted]
        self.last[:] = [choose(*each) for each in zip(one_hot, self.last.tolist(), strict=True)]
        steer = choices[self.last]
        self.batch.step(np.array([wheels_of(speed, spin, *limits) for _, speed, spin in steer]))
        self.gained += self.batch.results.reward

    def ended(self) -> tuple[Array, Array]:
        """Tell which rows have collided and which are cut."""
        hit = self.batch.results.outcome == COLLISION
        return hit, ~hit & (self.batch.state.rows["steps"] >= EPISODE_STEPS)

    def report(self, i: int, seen: Array, cut: bool) -> dict[str, Any]:
        """Tell how the episode of row i ended, in the words of Stable-Baselines3."""
        me = self.batch.state.rows[i]
        length, roamed = int(me["steps"]), bool(me["ground"] >= GROUND_M2)
        return {
            "terminal_observation": seen,
            "TimeLimit.truncated": cut,
            "is_success": cut and roamed,
            "episode": {"r": float(self.gained[i]), "l": length, "t": time.time()},
        }


class Worlds(VecEnv):  # type: ignore[misc]
    """Rows of worlds by scenario; sensor: "camera" or "range"; part: of a training's chance.

    A training that goes on from a checkpoint takes another part, and so meets new worlds. crash:
    what a collision costs.
    """

    def __init__(
        self,
        sensor: str,
        seed: int,
        part: int = 0,
        rows: Mapping[str, int] = ROWS,
        crash: float = -COLLISION_REWARD,
    ) -> None:
        self.more = crash + COLLISION_REWARD  # than the environment takes
        self.rows = [Rows(name, count, sensor) for name, count in rows.items()]
        self.ends = np.cumsum([each.batch.count for each in self.rows])[:-1]
        self.choices = make_choices()
        self.chance = (
            np.random.default_rng([FIRST_SEED, seed, part, k]) for k in itertools.count()
        )
        self.render_mode = None
        first = self.reset()
        space = spaces.Box(0, 255, first.shape[1:], np.uint8)
        super().__init__(len(first), space, spaces.Discrete(CHOICES))

    def reset(self) -> Array:
        """Draw all worlds anew; return what is seen, (rows, ...) uint8."""
        for each in self.rows:
            for i in range(each.batch.count):
                each.renew(i, next(self.chance))
        return self.look()

    def look(self) -> Array:
        """Return what is seen in all rows."""
        return np.concatenate([look(each.batch) for each in self.rows])

    def step_async(self, actions: Array) -> None:
        """Keep the choices for `step_wait`."""
        self.wanted = actions

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """Take a step everywhere; what ended starts anew at once."""
        for each, wanted in zip(self.rows, np.split(self.wanted, self.ends), strict=True):
            each.step(wanted, self.choices)
        rewards = np.concatenate([each.batch.results.reward for each in self.rows])
        seen, done = self.look(), np.zeros(self.num_envs, np.bool_)
        infos: list[dict[str, Any]] = [{} for _ in done]
        for start, each in zip((0, *self.ends), self.rows, strict=True):
            hit, cut = each.ended()
            rewards[start : start + len(hit)][hit] -= self.more
            for i in np.flatnonzero(hit | cut).tolist():
                done[start + i] = True
                infos[start + i] = each.report(i, seen[start + i], bool(cut[i]))
                each.renew(i, next(self.chance))
        fresh = self.look() if done.any() else seen
        return fresh, (REWARD_SCALE * rewards).astype(np.float32), done, infos

    def close(self) -> None:
        """Let the threads go."""
        for each in self.rows:
            each.batch.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute, equal for all rows."""
        return [getattr(self, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: rows are not to be changed one by one."""
        raise NotImplementedError(f"set_attr({attr_name!r}): worlds have no attributes of a row")

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **named: Any
    ) -> list[Any]:
        """Refuse: rows have no methods."""
        raise NotImplementedError(f"env_method({method_name!r}): worlds have no methods of a row")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> Sequence[bool]:
        """No row is wrapped."""
        return [False] * self.num_envs

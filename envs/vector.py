"""The natively vectorized environments: the worlds of the single ones, no loop in Python."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from gymnasium import error
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from neurobot.envs.avoidance import ends
from neurobot.envs.batch import Batch
from neurobot.envs.settings import make_settings
from neurobot.envs.world import Array
from neurobot.loop import Observation

Infos = dict[str, Any]


class AvoidanceVectorEnv(VectorEnv[Observation, Array, Array]):
    """Many `neurobot/Avoidance-v0` at once; see `envs.avoidance.AvoidanceEnv` for everything else.

    The same seeds give the bits that single environments give: ``reset(seed=s)`` gives environment
    i the seed s + i, a list gives each its own.

    Arguments
    ---------
    num_envs: how many
    autoreset_mode: ``AutoresetMode.NEXT_STEP`` (default), ``SAME_STEP`` or ``DISABLED``
    max_episode_steps: truncate every episode after so many steps (as Gymnasium's TimeLimit)
    render_mode: ``rgb_array`` (a tuple of pictures) or none

    Reset options
    -------------
    Those of the single environment, for every environment alike, and

    * ``reset_mask``: (num_envs,) bool, reset only these (mode DISABLED);
    * ``episodes``: a sequence of dictionaries, each with an optional ``seed`` and reset options.
      Environment i starts with the i-th; whichever resets next takes the next one. When none is
      left, environments go on with their own chance.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
    has_goal: ClassVar[bool] = False

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs={num_envs} must be 1 or more")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: unknown {render_mode!r}; known: 'rgb_array', None")
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.max_episode_steps = max_episode_steps
        self.render_mode = render_mode
        self.batch = Batch(num_envs, self.has_goal, make_settings(options))
        self.metadata = {
            **self.metadata,
            "render_fps": self.batch.frames_per_second,
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = self.batch.observation_space
        self.single_action_space = self.batch.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.generators: list[np.random.Generator | None] = [None] * num_envs
        self._queue: list[dict[str, Any]] = []
        self._ended = np.zeros(num_envs, np.bool_)
        self._painter: Any = None

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, Infos]:
        """Draw new worlds, in all environments or in those of options["reset_mask"]."""
        given = dict(options or {})
        chosen = np.flatnonzero(self._mask(given.pop("reset_mask", None)))
        seeds = self._seeds(seed)
        if "episodes" in given or len(chosen) == self.num_envs:
            self._queue = [dict(episode) for episode in given.pop("episodes", ())]
        infos: Infos = {}
        for i in chosen.tolist():
            if seeds[i] is not None:
                self.generators[i] = seeding.np_random(seeds[i])[0]
            self._reset_one(i, given)
            infos = self._add_info(infos, self.batch.info(i), i)
        self._ended[chosen] = False
        return self.batch.observation(), infos

    def _mask(self, mask: Any) -> Array:
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        shape, dtype = getattr(mask, "shape", None), getattr(mask, "dtype", None)
        if shape != (self.num_envs,) or dtype != np.bool_ or not mask.any():
            raise ValueError(
                f"options['reset_mask'] of shape {shape} and type {dtype}: allowed is a boolean "
                f"array of shape ({self.num_envs},) with at least one True"
            )
        return np.asarray(mask)

    def _seeds(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"{len(seed)} seeds for {self.num_envs} environments")
        return seed

    def _reset_one(self, i: int, options: dict[str, Any]) -> None:
        """Start the next episode of environment i, by the queue or by its own chance."""
        episode = self._queue.pop(0) if self._queue else {}
        seed = episode.pop("seed", None)
        generator = self.generators[i]
        if seed is not None or generator is None:
            generator = self.generators[i] = seeding.np_random(seed)[0]
        self.batch.reset(i, generator, {**options, **episode})

    def step(self, actions: Any) -> tuple[Observation, Array, Array, Array, Infos]:
        """Take one control step in every environment."""
        batch, mode = self.batch, self.autoreset_mode
        if not batch.is_drawn:
            raise error.ResetNeeded("the worlds are drawn by reset(): call it before step()")
        if mode is AutoresetMode.DISABLED and self._ended.any():
            raise error.ResetNeeded(
                f"environments {np.flatnonzero(self._ended).tolist()} have ended: reset them with "
                "options={'reset_mask': mask} before the next step"
            )
        commands = batch.commands(actions)
        fresh = np.flatnonzero(self._ended)
        batch.step(commands, np.flatnonzero(~self._ended) if len(fresh) else None)
        for i in fresh:
            self._reset_one(int(i), {})
        rewards = batch.results.reward.copy()
        rewards[fresh] = 0.0
        terminated, truncated = ends(batch.results.outcome, self.has_goal)
        if self.max_episode_steps is not None:
            truncated |= batch.state.rows["steps"] >= self.max_episode_steps
        self._ended = terminated | truncated
        infos: Infos = {}
        if mode is AutoresetMode.SAME_STEP and self._ended.any():
            infos = self._restart_ended()
        return batch.observation(), rewards, terminated, truncated, {**infos, **self._infos()}

    def _restart_ended(self) -> Infos:
        """Reset what has ended in this very step; keep how it ended under final_obs, final_info."""
        infos: Infos = {}
        for i in np.flatnonzero(self._ended).tolist():
            final = {"final_obs": self.batch.observation(i), "final_info": self.batch.info(i)}
            infos = self._add_info(infos, final, i)
            self._reset_one(i, {})
        self._ended = np.zeros(self.num_envs, np.bool_)
        return infos

    def _infos(self) -> Infos:
        """Tell how every environment fares, as Gymnasium wants it: for each key, array and mask."""
        infos: Infos = {}
        for key, values in self.batch.infos().items():
            infos[key] = values
            infos[f"_{key}"] = np.ones(self.num_envs, np.bool_)
        return infos

    def render(self) -> tuple[Any, ...] | None:
        """Draw every world: a tuple of RGB arrays."""
        if self.render_mode is None:
            return None
        from neurobot.envs.drawing.painter import Painter  # pygame is loaded when it is needed

        self._painter = self._painter or Painter(window=False)
        frames = [self.batch.frame(i, trail=[]) for i in range(self.num_envs)]
        return tuple(self._painter.rgb(frame) for frame in frames)

    def close_extras(self, **kwargs: Any) -> None:
        """Let the threads go, if there are any: what was refused is closed, too."""
        if hasattr(self, "batch"):
            self.batch.close()


class NavigationVectorEnv(AvoidanceVectorEnv):
    """Many `neurobot/Navigation-v0` at once; see `AvoidanceVectorEnv`."""

    has_goal: ClassVar[bool] = True

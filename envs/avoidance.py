"""The Gymnasium environments of a single robot."""

import copy
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from neurobot.envs.batch import Batch
from neurobot.envs.scene import Scene
from neurobot.envs.settings import make_settings, one_of
from neurobot.envs.tasks import RUNNING, SUCCESS, TIMEOUT
from neurobot.envs.world import Array
from neurobot.loop import LATE, Body, Observation

RENDER_MODES = ("human", "rgb_array")


def ends(outcome: Any, has_goal: bool) -> tuple[Any, Any]:
    """Translate an outcome, or outcomes (E,), to Gymnasium's (terminated, truncated)."""
    by_time = (outcome == TIMEOUT) | (outcome == (TIMEOUT if has_goal else SUCCESS))
    return (outcome != RUNNING) ^ by_time, by_time


class AvoidanceEnv(gym.Env[Observation, Any]):
    """Roam a world without touching anything (`neurobot/Avoidance-v0`).

    A differential-drive robot sees a range scan (or a grey picture) and commands its two wheels.

    Observation
    -----------
    A dictionary of arrays:

    * ``range`` (sensor="range"): (beams,) float32, metres to the nearest obstacle along each beam,
      0..lidar_range_m, from the rightmost beam to the leftmost; lidar_range_m where nothing is.
    * ``camera`` (sensor="camera"): (camera_rows, camera_columns, 1) uint8 grey, 120 degrees wide,
      left column first; obstacles darken as they come nearer.
    * ``velocity``: (2,) float32, forward speed in m/s and yaw rate in rad/s.
    * ``goal`` (`neurobot/Navigation-v0` only): (2,) float32, metres ahead and to the left of the
      robot, shortened to 100 m where it is farther.

    Action
    ------
    * continuous: Box(-1, 1, (2,)), left and right wheel as a share of the robot's top speed; the
      robot limits its acceleration and yaw rate.
    * discrete: Discrete(7): forward, forward left, forward right, spin left, spin right, backward,
      stop.

    Reward
    ------
    0.1 x forward speed / top speed + 0.1 per square metre not visited before; -10 for a collision,
    +10 for success. Navigation: 0.1 x speed towards the goal / top speed; -10 and +10 likewise.

    End
    ---
    ``info["outcome"]`` is ``running``, or exactly one of

    * ``collision`` (terminated): the footprint touched something, at any physics substep;
    * ``success``: the time limit is reached with at least ground_m2 square metres visited, so
      neither standing still nor circling on the spot succeeds (truncated). Navigation: the robot's
      centre is within the goal's tolerance (terminated);
    * ``timeout`` (truncated): the time limit is reached without success.

    Arguments
    ---------
    scenario: ``empty forest corridor rooms barn crossing looming``, or a file (`envs/maps.py`)
    difficulty: 0..1, of generated scenarios (0.5)
    robot: ``jackal`` (default), ``turtlebot2`` or ``fly``; a world file may name its own
    sensor: ``range`` or ``camera``
    action: ``continuous`` or ``discrete``
    beams, field_of_view_deg, lidar_range_m: of the range sensor (72, and the robot's)
    camera_rows, camera_columns: of the camera (36, 96)
    noise: standard deviation, metres of a beam or grey levels of a pixel (0)
    dropout: probability that a beam or column sees nothing in one scan (0)
    dead_beams: positions of beams or columns that never see anything (none)
    time_limit_s: seconds per episode (60, or the world file's)
    ground_m2: square metres to visit for success in Avoidance (20)
    control_period_s, substep_s: control step (0.1) and physics substep (0.01); the first must be a
        whole multiple of the second
    render_mode: ``human`` (a window) or ``rgb_array``

    Reset options
    -------------
    ``world`` (position in a file of many worlds), ``difficulty``, ``start`` (x, y, heading) and
    ``goal`` (x, y). Unknown keys are refused. Equal seeds give equal episodes, bit for bit.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 10}  # noqa: RUF012
    has_goal: ClassVar[bool] = False

    def __init__(self, render_mode: str | None = None, **options: Any) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise ValueError(f"render_mode: unknown {render_mode!r}; known: {RENDER_MODES}")
        self.render_mode = render_mode
        self.batch = Batch(1, self.has_goal, make_settings(options))
        self.metadata = {**self.metadata, "render_fps": self.batch.frames_per_second}
        self.observation_space = self.batch.observation_space
        self.action_space = self.batch.action_space
        self._painter: Any = None
        self._trail: list[tuple[float, float]] = []
        self._schedule = (0, True)

    @property
    def body(self) -> Body:
        """What a controller may know of the robot."""
        return self.batch.body

    @property
    def moving_discs(self) -> Array:
        """Where the discs are that move, (K, 3) x, y, radius."""
        return self.batch.moving_discs(0)

    @property
    def scene(self) -> Scene:
        """The world of this episode."""
        scene = self.batch.scenes[0]
        if scene is None:
            raise gym.error.ResetNeeded("the world is drawn by reset(): call it first")
        return scene

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Draw a new world and put the robot at its start, at rest."""
        super().reset(seed=seed)
        self.batch.reset(0, self.np_random, options)
        self._schedule = (0, True)
        self._trail = []
        if self.render_mode == "human":
            self.render()
        return self.batch.observation(0), self.batch.info(0)

    def schedule(self, switch: int, held: Any = None, motors: str = "hold") -> None:
        """Let the action of the next step, and of no other, come into force late.

        switch: physics substeps until it does. Until then the motors "hold" the command in force
        (or the action `held`, if one is given), let the wheels "coast", or "brake".
        """
        one_of("motors", motors, LATE)
        if switch < 0:
            raise ValueError(f"switch={switch} must be 0 or more")
        row = self.batch.state.rows[0]
        if held is not None:
            row["command_left"], row["command_right"] = np.clip(self._command(held)[0], -1.0, 1.0)
        if motors == "brake":
            row["command_left"] = row["command_right"] = 0.0
        self._schedule = (switch, motors != "coast")

    def _command(self, action: Any) -> Array:
        return self.batch.commands(np.asarray(action)[None])

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take one control step."""
        batch = self.batch
        if batch.results.outcome[0] != RUNNING or batch.scenes[0] is None:
            raise gym.error.ResetNeeded("the episode has ended: call reset() before step()")
        batch.at_once[0], batch.powered[0] = self._schedule
        self._schedule = (0, True)
        batch.step(self._command(action))
        if self.render_mode is not None:
            self._trail.append((batch.state.rows["x"][0], batch.state.rows["y"][0]))
        if self.render_mode == "human":
            self.render()
        terminated, truncated = ends(int(batch.results.outcome[0]), self.has_goal)
        reward = float(batch.results.reward[0])
        return batch.observation(0), reward, terminated, truncated, batch.info(0)

    def get_state(self) -> Any:
        """Return a snapshot from which `set_state` goes on, bit for bit."""
        batch = self.batch
        outcome = batch.results.outcome[0]
        return copy.deepcopy((batch.state, batch.scenes, outcome, self._schedule, self.np_random))

    def set_state(self, snapshot: Any) -> Observation:
        """Return to a snapshot taken by `get_state`; gives the observation there."""
        batch = self.batch
        parts = copy.deepcopy(snapshot)
        batch.state, batch.scenes, outcome, self._schedule, self.np_random = parts
        batch.results.outcome[0] = outcome
        self._trail = []
        batch.sense(batch.rows)
        return batch.observation(0)

    def refurnish(self, scene: Scene) -> Observation:
        """Put other surroundings around the robot while it drives; gives what it sees there.

        `batch.scene_now(0)` is the scene with its discs where they are now.
        """
        if self.batch.results.outcome[0] != RUNNING or self.batch.scenes[0] is None:
            raise gym.error.ResetNeeded("the episode has ended: call reset() before refurnish()")
        self.batch.refurnish(0, scene)
        return self.batch.observation(0)

    def render(self) -> Any:
        """Draw the world: an RGB array (rows, columns, 3), or a window."""
        if self.render_mode is None:
            gym.logger.warn("render() needs a render_mode: 'rgb_array' or 'human'")
            return None
        from neurobot.envs.drawing.painter import Painter  # pygame is loaded when it is needed

        if self._painter is None:
            self._painter = Painter(window=self.render_mode == "human")
        frame = self.batch.frame(0, self._trail)
        if self.render_mode == "human":
            self._painter.show(frame, self.metadata["render_fps"])
            return None
        return self._painter.rgb(frame)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_painter": None}  # a copy paints on surfaces of its own

    def close(self) -> None:
        """Close the window, if there is one; closing twice is fine."""
        if self._painter is not None:
            self._painter.close()
            self._painter = None


class NavigationEnv(AvoidanceEnv):
    """Reach a goal without touching anything (`neurobot/Navigation-v0`).

    Observation, action, ends and arguments are those of `AvoidanceEnv`, which see; the observation
    also holds ``goal``, and the episode succeeds when the robot reaches it.
    """

    has_goal: ClassVar[bool] = True

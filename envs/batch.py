"""A batch of worlds: the one place where kernels, scenes and chance come together.

The single environments are batches of one; the vectorized ones are batches of many. Neither adds
anything to what happens here, hence the same seeds give the same bits in both.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import radians
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from neurobot.compiled import cores
from neurobot.envs.frame import Frame
from neurobot.envs.maps import Filed, Generated, open_worlds
from neurobot.envs.rows import live_rows, sense_rows
from neurobot.envs.scene import Scene
from neurobot.envs.sensors import fan, lens, make_beams
from neurobot.envs.settings import Settings, one_of
from neurobot.envs.tasks import GOAL_RANGE_M, OUTCOMES, RUNNING, Results, Task
from neurobot.envs.world import ROBOTS, Array, blank_state, make_clock
from neurobot.loop import Body

DEFAULT_ROBOT = "jackal"
DEFAULT_LIMIT_S = 60.0
OUTCOME_NAMES = np.array(OUTCOMES, dtype=object)
RESET_OPTIONS = ("world", "difficulty", "start", "goal")
ROWS_PER_THREAD = 256  # waking a thread for fewer takes longer than it saves

# Wheel commands (left, right) of the discrete actions.
MOVES = {
    "forward": (1.0, 1.0),
    "forward left": (0.5, 1.0),
    "forward right": (1.0, 0.5),
    "spin left": (-0.4, 0.4),
    "spin right": (0.4, -0.4),
    "backward": (-0.5, -0.5),
    "stop": (0.0, 0.0),
}


class Batch:
    """So many worlds of one task, stepped together."""

    def __init__(
        self,
        count: int,
        has_goal: bool,
        settings: Settings,
        worlds: Generated | Filed | None = None,
    ) -> None:
        self.count = count
        self.settings = settings
        self.worlds = worlds or open_worlds(settings.scenario)
        self.robot_name = settings.robot or self.worlds.robot or DEFAULT_ROBOT
        self.robot = ROBOTS[self.robot_name]
        self.clock = make_clock(settings.control_period_s, settings.substep_s)
        step_m = self.robot.max_speed_mps * settings.substep_s
        if step_m > self.robot.inscribed_m:
            raise ValueError(
                f"substep_s={settings.substep_s}: at {self.robot.max_speed_mps} m/s it moves "
                f"{step_m} m between two contact tests; allowed: {self.robot.inscribed_m} m"
            )
        self.task = Task(has_goal, settings.ground_m2)
        self._build_sensor()
        self.moves = np.array(list(MOVES.values()))
        self.state = blank_state(count, 0, 0)
        self.scenes: list[Scene | None] = [None] * count
        self.results = Results(
            np.zeros((count, 2), np.float32),
            np.zeros((count, 2), np.float32),
            np.zeros(count),
            np.zeros(count, np.int8),
        )
        self.at_once = np.zeros(count, np.int64)
        self.powered = np.ones(count, np.bool_)
        self.rows = np.arange(count)
        threads = min(cores(), count // ROWS_PER_THREAD)
        self.pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def _build_sensor(self) -> None:
        settings, robot = self.settings, self.robot
        range_m = settings.lidar_range_m or robot.lidar_range_m
        if settings.sensor == "camera":
            directions = lens(settings.camera_columns)
            shape: tuple[int, ...] = (settings.camera_rows, settings.camera_columns, 1)
            self.readings: Array = np.zeros((self.count, *shape), np.uint8)
            space: spaces.Space[Any] = spaces.Box(0, 255, shape, np.uint8)
        else:
            angle = settings.field_of_view_deg
            directions = fan(settings.beams, radians(angle) if angle else robot.field_of_view_rad)
            self.readings = np.zeros((self.count, settings.beams), np.float32)
            space = spaces.Box(0.0, range_m, (settings.beams,), np.float32)
        self.beams = make_beams(
            directions,
            dead=settings.dead_beams,
            range_m=range_m,
            noise=settings.noise,
            dropout=settings.dropout,
        )
        self.scratch = np.zeros((self.count, len(directions)))
        most_yaw = 2 * robot.max_speed_mps / robot.track_m
        velocity_top = np.array([robot.max_speed_mps, most_yaw], np.float32)
        known: dict[str, spaces.Space[Any]] = {
            settings.sensor: space,
            "velocity": spaces.Box(-velocity_top, velocity_top, dtype=np.float32),
        }
        if self.task.has_goal:
            known["goal"] = spaces.Box(-GOAL_RANGE_M, GOAL_RANGE_M, (2,), np.float32)
        self.observation_space: spaces.Space[Any] = spaces.Dict(known)
        self.action_space: spaces.Space[Any] = (
            spaces.Discrete(len(MOVES))
            if settings.action == "discrete"
            else spaces.Box(-1.0, 1.0, (2,), np.float32)
        )

    @property
    def is_drawn(self) -> bool:
        """Whether there is a world in every row: then each has a time limit."""
        return bool(self.state.rows["time_limit"].all())

    @property
    def frames_per_second(self) -> int:
        """Pictures a second that show the world as fast as it is."""
        return max(1, round(1 / self.clock.control_s))

    @property
    def body(self) -> Body:
        """What a controller may know of the robot that it drives."""
        robot = self.robot
        return Body(
            sensor=self.settings.sensor,
            beam_cos=self.beams.cos,
            beam_sin=self.beams.sin,
            range_m=self.beams.range_m,
            half_length_m=robot.half_length_m + robot.rounding_m,
            half_width_m=robot.half_width_m + robot.rounding_m,
            track_m=robot.track_m,
            max_speed_mps=robot.max_speed_mps,
            max_yaw_rate_radps=robot.max_yaw_rate_radps,
            acceleration_mps2=robot.acceleration_mps2,
            control_s=self.clock.control_s,
            substep_s=self.clock.substep_s,
        )

    def reset(self, i: int, rng: np.random.Generator, options: Mapping[str, Any] | None) -> None:
        """Put a new world into row i, drawn from rng, and look around."""
        self.draw(i, rng, options)
        self.sense(np.array([i]))

    def draw(self, i: int, rng: np.random.Generator, options: Mapping[str, Any] | None) -> None:
        """Put a new world into row i, drawn from rng."""
        given = dict(options or {})
        for key in given:
            one_of("reset option", key, RESET_OPTIONS)
        difficulty = given.get("difficulty", self.settings.difficulty)
        if "difficulty" in given:
            replace(self.settings, difficulty=difficulty)  # refuses what is out of range
        scene = self.worlds.draw(rng, difficulty, self.robot, given.get("world"))
        if "start" in given:
            scene = replace(scene, start=numbers("start", given["start"], 3))
        if "goal" in given:
            scene = replace(scene, goal=numbers("goal", given["goal"], 2))
        gap_m = scene.clearance_at(scene.start, self.robot)
        if gap_m <= 0:
            raise ValueError(
                f"scenario {self.settings.scenario!r}: the {self.robot_name} at its start "
                f"{scene.start} touches an obstacle"
            )
        if self.settings.time_limit_s is not None:
            scene = replace(scene, time_limit_s=self.settings.time_limit_s)
        self._make_room(len(scene.discs), len(scene.edges))
        scene.put(i, self.state, self.clock, DEFAULT_LIMIT_S)
        self.scenes[i] = scene
        self.state.rows["key"][i] = rng.integers(2**63, dtype=np.uint64)
        self.state.rows["gap"][i] = self.state.rows["clearance"][i] = gap_m
        self.results.outcome[i] = RUNNING

    def scene_now(self, i: int) -> Scene:
        """Return the scene of row i with its discs where they are now."""
        scene = self.scenes[i]
        if scene is None:
            raise gym.error.ResetNeeded("the world is drawn by reset(): call it first")
        return replace(scene, discs=self.state.discs[i, : self.state.rows["discs"][i]].copy())

    def refurnish(self, i: int, scene: Scene) -> None:
        """Change what surrounds the robot of row i while it drives, and look around anew.

        The time limit stays. What now touches the robot is a collision at its next step.
        """
        self._make_room(len(scene.discs), len(scene.edges))
        scene.furnish(i, self.state)
        self.scenes[i] = scene
        me = self.state.rows[i]
        pose = me["x"].item(), me["y"].item(), me["heading"].item()
        me["gap"] = scene.clearance_at(pose, self.robot)
        me["clearance"] = max(min(me["clearance"], me["gap"]), 0.0)
        self.sense(np.array([i]))

    def _make_room(self, discs: int, segments: int) -> None:
        """Grow the padding of the obstacle arrays where a scene holds more than fits."""
        state = self.state
        grown = {}
        for name, needed in (("discs", discs), ("segments", segments)):
            old = getattr(state, name)
            if needed > old.shape[1]:
                new = np.zeros((self.count, needed, old.shape[2]))
                new[:, : old.shape[1]] = old
                grown[name] = new
        self.state = state._replace(**grown)

    def commands(self, actions: Array) -> Array:
        """Turn a batch of actions of the action space into wheel commands, (E, 2) float64."""
        if self.settings.action == "discrete":
            chosen = np.asarray(actions)
            whole = chosen.dtype.kind in "iu" and chosen.shape == (self.count,)
            if not whole or chosen.min() < 0 or chosen.max() >= len(MOVES):
                raise ValueError(
                    f"action {chosen.tolist()} is not a whole number in 0..{len(MOVES) - 1}"
                )
            return np.asarray(self.moves[chosen])
        wheels = np.ascontiguousarray(actions, np.float64)
        if wheels.shape != (self.count, 2):
            raise ValueError(f"action: shape {wheels.shape[1:]} found, two wheel commands needed")
        if not np.isfinite(wheels).all():
            raise ValueError(f"action {wheels.tolist()} is not finite; wheel commands lie in -1..1")
        return wheels

    def step(
        self,
        commands: Array,
        rows: Array | None = None,
        switch: Array | None = None,
        powered: Array | None = None,
    ) -> None:
        """Take one control step in some rows (all, if none are named), and sense."""
        switch = self.at_once if switch is None else switch
        powered = self.powered if powered is None else powered
        plain = tuple(self.robot), tuple(self.clock), tuple(self.task)
        rest: Any = (*self.state, *plain, *self.beams, self.scratch, self.readings, *self.results)

        def work(share: Array) -> None:
            live_rows(share, commands, switch, powered, *rest)

        self._share(work, self.rows if rows is None else rows)

    def _share(self, work: Callable[[Array], None], rows: Array) -> None:
        """Do work over rows, in threads where there are many: rows do not touch each other."""
        threads = min(cores(), len(rows) // ROWS_PER_THREAD) if self.pool else 1
        if self.pool is None or threads < 2:
            work(rows)
            return
        mine, *shares = np.array_split(rows, threads)
        others = [self.pool.submit(work, share) for share in shares]
        work(mine)
        for other in others:
            other.result()

    def sense(self, rows: Array) -> None:
        """Write the observations of some rows."""
        sense_rows(
            rows, self.state, self.robot, self.beams, self.scratch, self.readings, self.results
        )

    def observation(self, index: Any = slice(None)) -> dict[str, Array]:
        """Copy the observations of one row or of all."""
        seen = {
            self.settings.sensor: self.readings[index].copy(),
            "velocity": self.results.velocity[index].copy(),
        }
        if self.task.has_goal:
            seen["goal"] = self.results.goal[index].copy()
        return seen

    def moving_discs(self, i: int) -> Array:
        """Return where the discs of row i are that move, (K, 3) x, y, radius."""
        discs = self.state.discs[i, : self.state.rows["discs"][i]]
        return discs[discs[:, 3:].any(axis=1), :3].copy()

    def info(self, i: int) -> dict[str, Any]:
        """Tell where the robot of row i is and how it fares."""
        me = self.state.rows[i]
        return {
            "outcome": OUTCOMES[self.results.outcome[i]],
            "pose": np.array([me["x"], me["y"], me["heading"]]),
            "gap_m": float(me["gap"]),
            "clearance_m": float(me["clearance"]),
            "path_m": float(me["path"]),
            "ground_m2": int(me["ground"]),
        }

    def infos(self) -> dict[str, Any]:
        """Tell the same of all rows, as arrays over rows."""
        rows = self.state.rows
        return {
            "outcome": OUTCOME_NAMES[self.results.outcome],
            "pose": np.column_stack([rows["x"], rows["y"], rows["heading"]]),
            "gap_m": rows["gap"].copy(),
            "clearance_m": rows["clearance"].copy(),
            "path_m": rows["path"].copy(),
            "ground_m2": rows["ground"].copy(),
        }

    def frame(self, i: int, trail: Sequence[tuple[float, float]]) -> Frame:
        """Collect what a picture of row i shows."""
        info, me, scene = self.info(i), self.state.rows[i], self.scenes[i]
        if scene is None:
            raise gym.error.ResetNeeded("the world is drawn by reset(): call it first")
        return Frame(
            scene=scene,
            robot=self.robot,
            pose=info["pose"],
            discs=self.state.discs[i, : me["discs"]],
            beam_cos=self.beams.cos,
            beam_sin=self.beams.sin,
            distance_m=self.scratch[i],
            range_m=self.beams.range_m,
            goal=np.array([me["goal_x"], me["goal_y"]]) if self.task.has_goal else None,
            trail=trail,
            outcome=info["outcome"],
            time_s=float(me["steps"]) * self.clock.control_s,
            dead=self.beams.dead,
        )

    def close(self) -> None:
        """Let the threads go."""
        if self.pool is not None:
            self.pool.shutdown()
            self.pool = None


def numbers(name: str, value: Any, count: int) -> tuple[Any, ...]:
    """Read so many finite numbers from a reset option."""
    array = np.asarray(value, dtype=np.float64)
    if array.shape != (count,) or not np.isfinite(array).all():
        raise ValueError(f"reset option {name}={value!r} must be {count} finite numbers")
    return tuple(array.tolist())

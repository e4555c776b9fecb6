"""A world before anybody moves in it: obstacles, bounds, start and goal, as plain arrays."""

from dataclasses import dataclass, field

import numpy as np

from neurobot.envs.geometry import winding
from neurobot.envs.world import FAR_M, ROW, Clock, Floats, Robot, State, blank_state, clearance


def no_rows(columns: int) -> Floats:
    """Return an empty table."""
    return np.zeros((0, columns))


@dataclass(frozen=True)
class Scene:
    """One world. Metres and radians; every array is float64.

    `walls` are thin; `outlines` are closed loops of edges with their solid side on the left.
    """

    bounds: tuple[float, float, float, float]  # x0, y0, x1, y1
    start: tuple[float, float, float] = (0.0, 0.0, 0.0)  # x, y, heading
    goal: tuple[float, float] = (0.0, 0.0)
    discs: Floats = field(default_factory=lambda: no_rows(5))  # x, y, radius, vx, vy
    walls: Floats = field(default_factory=lambda: no_rows(4))  # x0, y0, x1, y1
    outlines: Floats = field(default_factory=lambda: no_rows(4))  # x0, y0, x1, y1
    aimed: bool = False  # moving discs are thrown at the robot instead of bouncing
    goal_tolerance_m: float = 0.5
    time_limit_s: float | None = None

    @property
    def edges(self) -> Floats:
        """All segments, (S, 4) as x0, y0, x1, y1."""
        return np.concatenate([self.walls, self.outlines])

    def put(self, i: int, state: State, clock: Clock, time_limit_s: float) -> None:
        """Write this scene into row i of the state, with the robot at the start and at rest."""
        state.rows[i] = np.zeros((), ROW)
        row = state.rows[i]
        row["x"], row["y"], row["heading"] = self.start
        limit_s = self.time_limit_s if self.time_limit_s is not None else time_limit_s
        row["time_limit"] = max(1, round(limit_s / clock.control_s))
        self.furnish(i, state)

    def furnish(self, i: int, state: State) -> None:
        """Write what surrounds the robot into row i of the state, and leave the robot alone."""
        discs, edges, row = self.discs, self.edges, state.rows[i]
        state.discs[i, : len(discs)] = discs
        state.segments[i, : len(edges), :2] = edges[:, :2]
        state.segments[i, : len(edges), 2:] = edges[:, 2:] - edges[:, :2]
        row["x0"], row["y0"], row["x1"], row["y1"] = self.bounds
        row["goal_x"], row["goal_y"] = self.goal
        row["goal_tolerance"] = self.goal_tolerance_m
        row["discs"], row["segments"] = len(discs), len(edges)
        row["aimed"] = self.aimed
        row["disc_speed"] = np.sqrt((discs[:, 3:] ** 2).sum(axis=1)).max(initial=0.0)

    def clearance_at(self, pose: tuple[float, float, float], robot: Robot) -> float:
        """Distance from the footprint at a pose to the nearest obstacle, at most FAR_M.

        It is 0 or less where the footprint touches something.
        """
        if winding(pose[0], pose[1], self.outlines):
            return 0.0
        state = blank_state(1, len(self.discs), len(self.edges))
        self.put(0, state, Clock(1.0, 1), 1.0)
        me = state.rows[0]
        me["x"], me["y"], me["heading"] = pose
        return float(clearance(me, state.discs[0], state.segments[0], robot, FAR_M))

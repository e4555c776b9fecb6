"""The keyword options of both environments: one dataclass is schema, default and check."""

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

from neurobot.envs.world import ROBOTS

SENSORS = ("range", "camera")
ACTIONS = ("continuous", "discrete")


def one_of(where: str, value: object, known: object) -> None:
    """Refuse a value that is not among the known ones."""
    if not isinstance(value, str) or value not in known:  # type: ignore[operator]
        raise ValueError(f"{where}: unknown {reprlib.repr(value)}; known: {', '.join(known)}")  # type: ignore[arg-type]


WHOLE = {
    "beams": (1, 4096),
    "camera_rows": (1, 4096),
    "camera_columns": (2, 4096),
    "ground_m2": (0, 4096),
}
REAL = {
    "difficulty": (0.0, 1.0),
    "field_of_view_deg": (0.1, 360.0),
    "lidar_range_m": (0.01, 1000.0),
    "noise": (0.0, 1000.0),
    "dropout": (0.0, 1.0),
    "time_limit_s": (1e-3, 1e6),
    "control_period_s": (1e-4, 100.0),
    "substep_s": (1e-5, 100.0),
}
UNSET = ("field_of_view_deg", "lidar_range_m", "time_limit_s")  # None: the robot's, or the world's


@dataclass(frozen=True)
class Settings:
    """See the docstring of `avoidance.AvoidanceEnv` for meaning, units and ranges."""

    scenario: str = "forest"
    difficulty: float = 0.5
    robot: str | None = None
    sensor: str = "range"
    action: str = "continuous"
    beams: int = 72
    field_of_view_deg: float | None = None
    lidar_range_m: float | None = None
    camera_rows: int = 36
    camera_columns: int = 96
    noise: float = 0.0
    dropout: float = 0.0
    dead_beams: tuple[int, ...] = ()
    time_limit_s: float | None = None
    ground_m2: int = 20
    control_period_s: float = 0.1
    substep_s: float = 0.01

    def __post_init__(self) -> None:
        one_of("sensor", self.sensor, SENSORS)
        one_of("action", self.action, ACTIONS)
        if self.robot is not None:
            one_of("robot", self.robot, ROBOTS)
        for name, (low, high) in WHOLE.items():
            value = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            if not whole or not low <= int(value) <= high:
                found = reprlib.repr(value)
                raise ValueError(f"{name}={found} must be a whole number in {low}..{high}")
        beams = self.dead_beams
        if not isinstance(beams, Iterable) or isinstance(beams, str | Mapping):
            raise ValueError(f"dead_beams={reprlib.repr(beams)} must be a list of whole numbers")
        for name, (lowest, highest) in REAL.items():
            value = getattr(self, name)
            if value is None and name in UNSET:
                continue
            if not isinstance(value, Real) or not lowest <= value <= highest:  # type: ignore[operator]
                found = reprlib.repr(value)
                raise ValueError(f"{name}={found} must be a number in {lowest:g}..{highest:g}")


def make_settings(options: Mapping[str, Any]) -> Settings:
    """Build the settings from keywords; an unknown one is refused with the list of known ones."""
    known = [field.name for field in fields(Settings)]
    for key in options:
        one_of("environment option", key, known)
    return Settings(**options)

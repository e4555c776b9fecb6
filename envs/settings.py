"""The keyword options of both environments: one dataclass is schema, default and check."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from neurobot.envs.world import ROBOTS

SENSORS = ("range", "camera")
ACTIONS = ("continuous", "discrete")


def one_of(where: str, value: object, known: object) -> None:
    """Refuse a value that is not among the known ones."""
    if value not in known:  # type: ignore[operator]
        raise ValueError(f"{where}: unknown {value!r}; known: {', '.join(known)}")  # type: ignore[arg-type]


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
        if not 0 <= self.difficulty <= 1:
            raise ValueError(f"difficulty={self.difficulty} must lie in 0..1")
        for name, low in (
            ("beams", 1),
            ("camera_rows", 1),
            ("camera_columns", 2),
            ("ground_m2", 0),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= 4096:
                raise ValueError(f"{name}={value!r} must be a whole number in {low}..4096")
        if self.time_limit_s is not None and not 0 < self.time_limit_s < 1e6:
            raise ValueError(f"time_limit_s={self.time_limit_s} must be above 0 and below 1e6")
        if self.lidar_range_m is not None and not 0 < self.lidar_range_m <= 1000:
            raise ValueError(f"lidar_range_m={self.lidar_range_m} must lie in 0..1000 and above 0")
        if self.field_of_view_deg is not None and not 0 < self.field_of_view_deg <= 360:
            raise ValueError(f"field_of_view_deg={self.field_of_view_deg} must lie in 0..360")


def make_settings(options: Mapping[str, Any]) -> Settings:
    """Build the settings from keywords; an unknown one is refused with the list of known ones."""
    known = [field.name for field in fields(Settings)]
    for key in options:
        one_of("environment option", key, known)
    return Settings(**options)

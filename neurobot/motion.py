"""How a robot moved: clearance, turning and smoothness of a course, as navigation is judged by.

Jerk is the second difference of the velocity between control steps. Log dimensionless jerk is
-ln(T^3 / v_peak^2 * integral of jerk^2), T the duration and v_peak the highest speed (Hogan and
Sternad 2009): higher is smoother.
"""

import math
from decimal import Context, Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DIGITS = Context(prec=28)
NEAR_M = 0.2  # assumed: who is nearer is too near for comfort


class Motion(NamedTuple):
    """Figures of a course."""

    mean_clearance_m: float
    near_s: float  # time with less clearance than NEAR_M
    turn_rad: float  # all changes of heading, added up
    jerk_mps3: float  # root mean square; 0 where it is too short to tell
    log_jerk: float | None  # None where the robot did not move, or at constant acceleration alone


def squares(vectors: Floats) -> Any:
    """Return the squared length of each row, as plain numbers."""
    return (vectors * vectors).sum(axis=1).tolist()


def turning(headings: Floats) -> float:
    """Add up the changes of heading, each the short way round, in radians."""
    turns = np.abs(np.diff(headings))
    return math.fsum(np.minimum(turns, 2 * math.pi - turns).tolist())


def natural_log(value: float) -> float:
    """Return the natural logarithm of a number above 0, from decimal digits.

    The C library's differs in the last bit between machines.
    """
    return float(DIGITS.ln(Decimal(value)))


def smoothness(path_m: Floats, control_s: float) -> tuple[float, float | None]:
    """Return root mean square jerk and log dimensionless jerk of a path (control steps + 1, 2)."""
    velocity = np.diff(path_m, axis=0) / control_s
    jerks = squares(np.diff(velocity, n=2, axis=0) / (control_s * control_s))
    if not jerks:
        return 0.0, None
    total, peak = math.fsum(jerks), max(squares(velocity))
    if total == 0.0 or peak == 0.0:
        return 0.0, None
    duration_s = control_s * len(velocity)
    cube = duration_s * duration_s * duration_s
    log_jerk = -natural_log(cube / peak * total * control_s)
    return math.sqrt(total / len(jerks)), log_jerk


def motion(poses: Floats, gap_m: Floats, control_s: float) -> Motion:
    """Judge a course; poses: (control steps + 1, 3) x, y, heading; gap_m: (the same,) clearance."""
    near = np.count_nonzero(gap_m[1:] < NEAR_M)
    return Motion(
        math.fsum(gap_m.tolist()) / len(gap_m),
        int(near) * control_s,
        turning(poses[:, 2]),
        *smoothness(poses[:, :2], control_s),
    )

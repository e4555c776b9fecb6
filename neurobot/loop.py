"""The closed loop: a controller acts on what the robot sees, and its latency acts on the robot.

An observation taken at the start of a control step is decided upon at once; the decision comes
into force `latency_s` later, at the next physics substep. Until then the previous command stays in
force, and no new decision begins. A decision that takes longer than one control step is late;
from then on the robot holds the previous command, coasts (wheels unpowered) or brakes.
"""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel
from neurobot.events import Counts
from neurobot.limits import decision_limit
from neurobot.motion import motion
from neurobot.trace import pack


@dataclass(frozen=True, slots=True)
class Body:
    """What a controller may know of the robot that it drives: its shape, its wheels, its sensor."""

    sensor: str  # "range" or "camera"
    beam_cos: NDArray[np.float64]  # (B,) directions of the beams or camera columns
    beam_sin: NDArray[np.float64]  # (B,) positive to the left
    range_m: float
    half_length_m: float
    half_width_m: float
    track_m: float
    max_speed_mps: float
    max_yaw_rate_radps: float
    acceleration_mps2: float
    control_s: float
    substep_s: float

    @property
    def substeps(self) -> int:
        """Physics substeps in a control step."""
        return round(self.control_s / self.substep_s)


Observation = dict[str, NDArray[Any]]
LATE = ("hold", "coast", "brake")


class Controller(Protocol):
    """A mind. It may also have `attach(body)`, called once before the first episode.

    It may have `survey(world)` as well, called after that with the environment itself, unwrapped,
    which stays the same from episode to episode: for a driver that knows more than its sensors
    tell, such as the oracle. It reads the world as it is at each `act`, and changes nothing there.

    A class attribute `sensor`, "range" or "camera", names the sensor that it needs; without one it
    takes what there is. After each `act`, an attribute `layers` may show a frame-based mind: what
    each of its layers computed, by name and in order, the first of them its input: arrays (n,) or
    (rows, columns) of real numbers.

    After each `act`, an attribute `events` (of a kind of `neurobot.events.Counts`) may tell what
    the decision took on a chip, and `clock_hz` how fast that chip runs; without them a decision
    takes no time and costs nothing. Counts of a chip that no cost table prices, and that bring no
    prices along (`Counts.tariff`), take time alone. `slowdown` may tell by how much that clock was
    slower, and `stall_s` what passed besides.
    """

    def reset(self, seed: int) -> None:
        """Begin an episode; all chance follows from the seed."""

    def act(self, observation: Observation) -> Any:
        """Decide: an action of the environment's action space."""


def counted(controller: object) -> Counts | None:
    """Return what a controller's last decision took; None: it counts nothing."""
    events = getattr(controller, "events", None)
    if events is not None and not (isinstance(events, Counts) and is_dataclass(events)):
        raise TypeError(
            f"events: {type(events).__name__} found, neurobot.events.Events, or another dataclass "
            "of kind neurobot.events.Counts, needed"
        )
    return events


@dataclass(frozen=True, slots=True)
class Timing:
    """How a decision's cycles become a delay of the action.

    clock_hz replaces the controller's own clock; late: what the robot does from the moment that a
    decision takes longer than a control step; instant: every decision takes no time; delay_s: what
    passes from a decision until the wheels have it, on top of its latency.
    """

    clock_hz: float | None = None
    late: str = "hold"
    instant: bool = False
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if self.late not in LATE:
            raise ValueError(f"late: unknown {self.late!r}; known: {', '.join(LATE)}")
        if self.clock_hz is not None and not 0 < self.clock_hz < math.inf:
            raise ValueError(f"clock_hz={self.clock_hz} must be above 0")
        if not 0 <= self.delay_s < math.inf:
            raise ValueError(f"delay_s={self.delay_s} must be 0 or more")

    def latency_s(self, controller: Controller) -> float:
        """Seconds from the observation until the decision that was just taken is there."""
        events = counted(controller)
        clock_hz = self.clock_hz or getattr(controller, "clock_hz", None)
        stall_s = float(getattr(controller, "stall_s", 0.0))
        if self.instant:
            return 0.0
        if events is None or clock_hz is None:
            return stall_s
        return float(events.cycles / clock_hz) * getattr(controller, "slowdown", 1.0) + stall_s


@kernel
def substeps_until(latency_s: float, substep_s: float) -> int:
    """Count the physics substeps that begin before a decision is in force."""
    return -int((1e-9 - latency_s / substep_s) // 1.0)  # on a GPU, math.ceil gives a float


@dataclass(frozen=True)
class Episode:
    """What happened in one episode; for the figures of its motion see `motion.Motion`."""

    outcome: str  # success, collision, timeout, or fault: the brain did not go on
    fault: str | None  # why; None for the other outcomes
    duration_s: float
    reward: float
    path_m: float
    clearance_m: float
    ground_m2: int
    mean_clearance_m: float
    near_s: float
    turn_rad: float
    jerk_mps3: float
    log_jerk: float | None
    decisions: int
    late_decisions: int
    latency_total_s: float
    latency_max_s: float
    events: Counts | None
    trajectory_sha256: str
    trace: bytes  # see `trace.unpack`


FAULT = "fault"


class ControllerError(RuntimeError):
    """A controller raised an error of its own."""


def driver_of(controller: Any) -> Any:
    """Return the controller itself, also of one to which faults happen."""
    return getattr(controller, "driver", controller)


def name_of(controller: object) -> str:
    """Name the class of a controller, as on the command line; of one with faults, its own."""
    controller = driver_of(controller)
    mind = controller if isinstance(controller, type) else type(controller)
    return f"{mind.__module__}:{mind.__qualname__}"


@contextmanager
def blame(controller: object) -> Iterator[None]:
    """Turn what a controller raises into one sentence that names it, within a worker's limit."""
    try:
        with decision_limit:
            yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ControllerError(f"controller {name_of(controller)} raised {reason}") from error


@contextmanager
def blame_action(controller: object) -> Iterator[None]:
    """Turn the refusal of an action into a sentence that names whose it was."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ControllerError(f"controller {name_of(controller)}: {error}") from error


def sensor_of(controller: object) -> str | None:
    """Return the sensor that a controller, or its class, names; None: it takes what there is."""
    mind = controller if isinstance(controller, type) else type(controller)
    sensor = getattr(mind, "sensor", None)
    return sensor if isinstance(sensor, str) else None


def require_sensor(controller: object, body: Body) -> None:
    """Refuse a robot that has another sensor than the one that a controller names."""
    needed = sensor_of(controller)
    if needed not in (None, body.sensor):
        name = type(controller).__module__.rpartition(".")[2]
        raise ValueError(f"{name}: sensor {needed!r} needed, {body.sensor!r} found")


def require_delays(env: Any) -> None:
    """Refuse an environment whose actions cannot come late."""
    if not hasattr(env.unwrapped, "schedule"):
        name = env.spec.id if env.spec else type(env.unwrapped).__name__
        raise ValueError(f"env: {name} cannot delay actions; known: neurobot's environments")


def seat(controller: Any, body: Body) -> None:
    """Let a controller know the robot that it is going to drive, if it wants to."""
    require_sensor(controller, body)
    if hasattr(controller, "attach"):
        try:
            with blame(controller):
                controller.attach(body)
        except ControllerError as error:
            if isinstance(error.__cause__, ValueError):  # a refusal, in words of its own
                raise error.__cause__ from error
            raise


def attach(controller: Any, env: Any) -> None:
    """Let a controller know the robot of an environment, and the world itself if it asks for it."""
    require_delays(env)
    seat(controller, env.unwrapped.body)
    if hasattr(controller, "survey"):
        with blame(controller):
            controller.survey(env.unwrapped)


class Pilot:
    """The clock between a brain and its robot: one decision at a time, each in force when due."""

    def __init__(self, controller: Controller, timing: Timing, body: Body) -> None:
        self.controller = controller
        self.timing = timing
        self.body = body
        self.in_force: Any = None  # the robot is at rest
        self.pending: Any = None
        self.substeps_left = 0
        self.busy = False
        self.decisions = 0
        self.latency_s = 0.0  # of the last decision
        self.latencies_s: list[float] = []
        self.latency_total_s = 0.0
        self.latency_max_s = 0.0
        self.late_decisions = 0
        self.events: Counts | None = None

    def decide(self, observation: Observation) -> None:
        """Begin a decision."""
        with blame(self.controller):
            self.pending = self.controller.act(observation)
            self.count(counted(self.controller))
        self.latency_s = latency_s = self.timing.latency_s(self.controller)
        due_s = latency_s + self.timing.delay_s
        self.substeps_left = substeps_until(due_s, self.body.substep_s)
        self.late_decisions += self.substeps_left > self.body.substeps
        self.decisions += 1
        self.latencies_s.append(latency_s)
        self.latency_total_s += latency_s
        self.latency_max_s = max(self.latency_max_s, latency_s)

    def count(self, events: Counts | None) -> None:
        """Add what a decision took."""
        if events is not None:
            self.events = events if self.events is None else self.events + events

    def drive(self, observation: Observation, world: Any) -> Any:
        """Prepare one control step of the world; return the action to step it with."""
        late = self.busy
        if not self.busy:
            self.decide(observation)
        motors = self.timing.late if late else "hold"
        world.schedule(self.substeps_left, held=self.in_force, motors=motors)
        self.busy = self.substeps_left > self.body.substeps
        self.substeps_left -= self.body.substeps
        if not self.busy:
            self.in_force = self.pending
        return self.pending


class Trial:
    """One closed-loop episode, taken a control step at a time.

    env: one of neurobot's environments, wrapped or not; `attach` came before.
    """

    def __init__(
        self,
        env: Any,
        controller: Controller,
        seed: int,
        timing: Timing | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.env = env
        self.observation: Observation
        self.observation, self.info = env.reset(seed=seed, options=options)
        with blame(controller):
            controller.reset(seed)
        self.pilot = Pilot(controller, timing or Timing(), env.unwrapped.body)
        self.poses = [self.info["pose"]]
        self.gaps_m = [self.info["gap_m"]]
        self.reward = 0.0
        self.steps = 0
        self.ended = False

    def step(self) -> None:
        """Take one control step."""
        action = self.pilot.drive(self.observation, self.env.unwrapped)
        with blame_action(self.pilot.controller):
            self.observation, reward, terminated, truncated, self.info = self.env.step(action)
        self.poses.append(self.info["pose"])
        self.gaps_m.append(self.info["gap_m"])
        self.reward += reward
        self.steps += 1
        self.ended = terminated or truncated

    def run(self) -> Episode:
        """Go on to the end."""
        while not self.ended:
            self.step()
        return self.episode()

    def episode(self, fault: str | None = None) -> Episode:
        """Return what has happened until now; fault: why the brain does not go on."""
        pilot, info, poses = self.pilot, self.info, np.array(self.poses)
        return Episode(
            outcome=info["outcome"] if fault is None else FAULT,
            fault=fault,
            duration_s=self.steps * pilot.body.control_s,
            reward=self.reward,
            path_m=info["path_m"],
            clearance_m=info["clearance_m"],
            ground_m2=info["ground_m2"],
            **motion(poses, np.array(self.gaps_m), pilot.body.control_s)._asdict(),
            decisions=pilot.decisions,
            late_decisions=pilot.late_decisions,
            latency_total_s=pilot.latency_total_s,
            latency_max_s=pilot.latency_max_s,
            events=pilot.events,
            trajectory_sha256=hashlib.sha256(poses.tobytes()).hexdigest(),
            trace=pack(poses[:, :2], pilot.latencies_s, self.env.unwrapped.moving_discs),
        )


def run_episode(
    env: Any,
    controller: Controller,
    seed: int,
    timing: Timing | None = None,
    options: dict[str, Any] | None = None,
) -> Episode:
    """Run one closed-loop episode to its end; for the arguments see `Trial`."""
    return Trial(env, controller, seed, timing, options).run()


class Idle:
    """A mind that was never there."""

    def reset(self, seed: int) -> None:
        """Nothing to remember."""

    def act(self, observation: Observation) -> Any:
        """Stay where it is."""
        return np.zeros(2, np.float32)


def run_guarded(
    env: Any,
    controller: Controller,
    seed: int,
    timing: Timing | None = None,
    options: dict[str, Any] | None = None,
) -> Episode:
    """Run an episode like `run_episode`; what the controller raises ends it, and is its fault."""
    try:
        trial = Trial(env, controller, seed, timing, options)
    except ControllerError as error:
        return Trial(env, Idle(), seed, timing, options).episode(str(error))
    try:
        return trial.run()
    except ControllerError as error:
        return trial.episode(str(error))

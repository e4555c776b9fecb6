"""Whole closed loops, compiled: many robots, each with a brain of its own, and no Python per step.

World, sensors, encoder, chip, decoder, latency and counters run in one kernel, episode after
episode, by the very functions of the environments and of the `poppins` controller: what comes out
equals `neurobot.evaluate` bit for bit.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from queue import SimpleQueue
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker
from numpy.typing import NDArray

from neurobot.compiled import cores
from neurobot.controllers import make_controller
from neurobot.controllers.mind import Mind
from neurobot.controllers.poppins import Brain, PoppinsController
from neurobot.envs.avoidance import AvoidanceEnv, NavigationEnv
from neurobot.envs.batch import Batch
from neurobot.envs.tasks import OUTCOMES
from neurobot.envs.world import State
from neurobot.loop import LATE, Body, Episode, Timing, seat
from neurobot.motion import motion
from neurobot.neurons import Silicon
from neurobot.rollout.kernels import COURSE, GAP, LATENCY, LOG, Rules, Seat, episodes, make_seat
from neurobot.trace import pack

Array = NDArray[Any]
CHUNKS = 8  # for each thread: those that are done early take more
COURSE_BYTES = 1 << 26  # kept at once until their episodes are told


def stack(minds: Sequence[Mind]) -> Mind:
    """Put minds of equal chips and sizes on top of each other."""
    first = minds[0]

    def pile(part: str, *names: str) -> Any:
        parts = [getattr(mind, part) for mind in minds]
        arrays = {name: np.stack([getattr(each, name) for each in parts]) for name in names}
        return parts[0]._replace(**arrays)

    silicon = pile("silicon", "cells", "weights", "fed")
    bill = pile("bill", "ledger", "sends")
    return Mind(silicon, bill, np.concatenate([mind.plan for mind in minds]), first.sector_of)


def check_alike(brains: Sequence[Brain], beams: int) -> None:
    """Refuse brains that cannot stand in one stack, or look with another number of beams."""
    if not brains:
        raise ValueError("brains: none found, one or more needed")
    for k, brain in enumerate(brains):
        if brain.network.chip != brains[0].network.chip:
            raise ValueError(
                f"brains[{k}] has {brain.network.chip}, brains[0] {brains[0].network.chip}: "
                "equal chips needed"
            )
        if len(brain.mind.sector_of) != beams:
            raise ValueError(
                f"brains[{k}] was made for {len(brain.mind.sector_of)} beams, {beams} needed"
            )


def check_courses(courses: Array, count: int) -> Array:
    """Refuse what has no room for courses of episodes."""
    width = len(COURSE)
    if courses.dtype != np.float64 or courses.ndim != 3 or courses.shape[::2] != (count, width):
        raise ValueError(
            f"courses: {courses.dtype} of shape {courses.shape} found, "
            f"float64 ({count}, steps, {width}) needed"
        )
    return courses


def widen(brains: Sequence[Brain]) -> list[Mind]:
    """Return the minds in lanes of one width: the widest that any of them needs."""
    kinds = {brain.mind.silicon.cells.dtype for brain in brains}
    kind = reduce(np.promote_types, kinds)
    return [
        brain.mind._replace(
            silicon=brain.mind.silicon._replace(
                cells=brain.mind.silicon.cells.astype(kind),
                weights=brain.mind.silicon.weights.astype(kind),
            )
        )
        for brain in brains
    ]


def refusal(env: Any) -> str | None:
    """Say why an arena cannot be what happens in an environment; None where it can."""
    for layer in wrappers(env):
        if type(layer) not in (PassiveEnvChecker, OrderEnforcing):
            return f"env: {layer} found, one of neurobot's environments without wrappers needed"
    batch = env.unwrapped.batch
    if batch.settings.action != "continuous":
        return f"action: {batch.settings.action!r} found, 'continuous' needed"
    limit_s = batch.settings.time_limit_s
    if limit_s is not None and course_bytes(limit_s / batch.clock.control_s) > COURSE_BYTES:
        return f"time_limit_s={limit_s}: too long to keep courses of"
    return None


def wrappers(env: Any) -> Iterator[Any]:
    """Yield what is wrapped around one of our environments; all of it, if it is somebody else's."""
    while type(env) not in (AvoidanceEnv, NavigationEnv):
        yield env
        if not isinstance(env, gym.Wrapper):
            return
        env = env.env


def course_bytes(steps: float) -> float:
    """Return how much memory the course of so many control steps takes."""
    return 8 * len(COURSE) * (steps + 1)


def rolls(controller: Any, env: Any) -> bool:
    """Whether this controller's episodes in this environment are what an arena computes."""
    return type(controller) is PoppinsController and refusal(env) is None


def drive_on_threads(
    threads: int,
    pairs: Array,
    rules: Rules,
    worlds: State,
    minds: Mind,
    silicon: Silicon,
    *kept: Array,
) -> None:
    """Drive the pairs (E, 2) of mind and world; silicon: of one mind. Fills what is kept.

    kept: logs (E,), courses (E, steps, 5) and ends (E, discs, 5).
    """
    seats: SimpleQueue[Seat] = SimpleQueue()
    for _ in range(threads):
        seats.put(make_seat(worlds, rules.beams, silicon))

    def work(part: Array) -> None:
        mine = seats.get()
        try:
            episodes(part[0], part[-1] + 1, pairs, rules, worlds, minds, mine, *kept)
        finally:
            seats.put(mine)

    parts = np.array_split(np.arange(len(pairs)), min(CHUNKS * threads, len(pairs)))
    if threads == 1:
        for part in parts:
            work(part)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, parts))


class Arena:
    """Worlds that are drawn once, in which any number of brains is driven, again and again.

    env: one of neurobot's environments or its id, with a range sensor and continuous actions;
    seeds: of each world's episode; worlds: positions in a file of many (default: one after the
    other); timing: how latency acts back; options: further keywords of the environment.
    """

    def __init__(
        self,
        env: Any,
        seeds: Sequence[int],
        *,
        worlds: Sequence[int] | None = None,
        timing: Timing | None = None,
        **options: Any,
    ) -> None:
        if not len(seeds):
            raise ValueError("seeds: none found, one or more needed")
        if options and not isinstance(env, str):
            raise ValueError(f"{', '.join(options)}: options go with the id of an environment")
        made: Any = env
        if isinstance(env, str):
            made = gym.make(env, disable_env_checker=True, **options)
        if why := refusal(made):
            raise ValueError(why)
        template = made.unwrapped.batch
        self.timing = timing or Timing()
        self.batch = Batch(len(seeds), template.task.has_goal, template.settings, template.worlds)
        count = self.batch.worlds.count
        for i, seed in enumerate(seeds):
            k = worlds[i] if worlds is not None else i % count if count else None
            world = {} if k is None else {"world": k}
            self.batch.draw(i, seeding.np_random(int(seed))[0], world)

    def __len__(self) -> int:
        return self.batch.count

    @property
    def body(self) -> Body:
        """What a controller may know of the robots."""
        return self.batch.body

    @property
    def seeking(self) -> bool:
        """Whether the robots have a goal."""
        return self.batch.task.has_goal

    def brain(self, name: str = "poppins") -> Brain:
        """Seat a spiking controller, by its name with options; return the brain that it uses."""
        controller = make_controller(name)
        if not isinstance(controller, PoppinsController):
            raise ValueError(f"controller {name!r} is no spiking one: it has no brain to roll")
        seat(controller, self.body)
        return controller.brain_for(self.seeking)

    def rules(self, brain: Brain) -> Rules:
        """Collect what is the same in all episodes."""
        batch, timing = self.batch, self.timing
        clock_hz = 0.0 if timing.instant else timing.clock_hz or brain.network.chip.clock_hz
        late = LATE.index(timing.late)
        return Rules(
            batch.robot, batch.clock, batch.task, batch.beams, float(clock_hz), timing.delay_s, late
        )

    def drive(
        self,
        brains: Sequence[Brain],
        worlds: Array | None = None,
        *,
        threads: int | None = None,
        courses: Array | None = None,
        ends: Array | None = None,
        gpu: bool = False,
    ) -> Array:
        """Drive every brain through every world, or those at some positions (W,).

        The brains' chips are equal but for neurons, weights and stimuli. threads: default all
        cores; results do not depend on them. Returns what came of it, (brains, W) of
        `kernels.LOG`. courses: (brains * W, steps, 5), to be filled with `kernels.COURSE`; ends:
        (brains * W, discs, 5), with x, y, radius and velocity of discs at the end. gpu: on a GPU
        (extra `cuda`), all at once.
        """
        check_alike(brains, len(self.batch.beams.cos))
        chosen = np.arange(len(self))[slice(None) if worlds is None else worlds]
        count = len(brains) * len(chosen)
        pairs = np.empty((count, 2), np.int64)
        pairs[:, 0] = np.repeat(np.arange(len(brains)), len(chosen))
        pairs[:, 1] = np.tile(chosen, len(brains))
        logs = np.zeros(count, LOG)
        alike, rules, state = widen(brains), self.rules(brains[0]), self.batch.state
        minds = stack(alike)
        kept = [
            logs,
            np.zeros((count, 0, len(COURSE))) if courses is None else check_courses(courses, count),
            np.zeros((count, 0, 5)) if ends is None else ends,
        ]
        flight = (pairs, rules, state, minds, alike[0].silicon)
        if gpu and count:
            from neurobot.rollout import gpu as other  # Numba's CUDA is loaded when it is needed

            other.drive(*flight, *kept)
        elif count:
            drive_on_threads(max(min(threads or cores(), count), 1), *flight, *kept)
        if not np.isfinite(logs["path_m"]).all():
            raise ValueError("brains: wheel commands that are not finite; they lie in -1..1")
        return logs.reshape(len(brains), len(chosen))

    def run(self, brain: Brain, *, threads: int | None = None) -> list[Episode]:
        """Drive one brain through every world, and tell its episodes."""
        steps = int(self.batch.state.rows["time_limit"].max()) + 1
        most = max(int(COURSE_BYTES / course_bytes(steps)), 1)
        found = []
        for first in range(0, len(self), most):
            worlds = np.arange(first, min(first + most, len(self)))
            courses = np.empty((len(worlds), steps, len(COURSE)))
            ends = np.empty((len(worlds), *self.batch.state.discs.shape[1:]))
            logs = self.drive([brain], worlds, threads=threads, courses=courses, ends=ends)[0]
            found += [
                self.episode(brain, *each) for each in zip(worlds, logs, courses, ends, strict=True)
            ]
        return found

    def episode(self, brain: Brain, world: Any, log: Any, course: Array, ends: Array) -> Episode:
        """Tell one episode by its log, its course (steps, 5) and its discs at the end (K, 5)."""
        values = {name: log[name].item() for name in LOG.names or () if name != "totals"}
        steps, outcome = values.pop("steps"), values.pop("outcome")
        course, control_s = course[: steps + 1], self.batch.clock.control_s
        poses, latencies_s = np.ascontiguousarray(course[:, :3]), course[:, LATENCY]
        discs = ends[: self.batch.state.rows["discs"][world]]
        return Episode(
            **values,
            **motion(poses, course[:, GAP], control_s)._asdict(),
            outcome=OUTCOMES[outcome],
            fault=None,
            duration_s=steps * control_s,
            events=brain.network.events(log["totals"]),
            trajectory_sha256=hashlib.sha256(poses.tobytes()).hexdigest(),
            trace=pack(
                poses[:, :2],
                latencies_s[~np.isnan(latencies_s)],
                discs[discs[:, 3:].any(axis=1), :3],
            ),
        )

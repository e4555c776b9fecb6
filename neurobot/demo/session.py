"""One robot in one world, with a brain that can be exchanged: what the demo shows and changes.

The simulation goes on in control steps by `loop.Trial`, as in an evaluation. What is shown is a
share of the step that was taken last, so nothing depends on how many pictures are made of it, and
an episode that nobody touches is the evaluated one bit for bit.
"""

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from neurobot.controllers import named_sensor
from neurobot.cost import CostTable
from neurobot.demo.hand import NAME as HAND
from neurobot.demo.hand import Hand
from neurobot.demo.meters import Meter, Reading
from neurobot.demo.moments import Glimpse, moment
from neurobot.demo.thoughts import Spikes, Thought, think
from neurobot.envs.settings import Settings
from neurobot.episodes import Job, make_env, options_for, seat_controller, world_options
from neurobot.loop import Episode, Pilot, Trial, blame, counted, substeps_until

MOST_THOUGHTS = 96  # remembered for the scrolling raster
SENSOR_BOUND = ("noise", "dead_beams")  # keywords that mean something else to another sensor
MOST_SKIPPED = 16  # worlds that cannot begin, one after the other
MOST_TRAIL = 4096  # points; a longer one is thinned
MOST_COMMANDS = 100  # control steps whose wheel commands are remembered

OnEnd = Callable[["Session"], None]


class Session:
    """A trial with a playhead over its steps, and everything that may be done to it meanwhile.

    job: the episode to begin with; prices: of its decisions; on_end: called at the end of each
    episode.
    """

    def __init__(self, job: Job, prices: CostTable, on_end: OnEnd | None = None) -> None:
        self.job = job
        self.prices = prices
        self.on_end = on_end
        self.hand = Hand()
        self.previous: tuple[str, Reading] | None = None  # the last other brain and its means
        self.scores: dict[str, Counter[str]] = {}
        self.damages = np.random.default_rng(0)
        self.given = dict(job.options)  # keywords of the environment, for whoever needs no other
        self.controller: Any = None
        self.begin(job)

    def begin(self, job: Job) -> None:
        """Begin an episode; nothing is changed if it cannot begin."""
        env = make_env(job.env, job.scenario, job.options)
        controller = self.hand if job.controller == HAND else seat_controller(job, env)
        same_brain = self.controller is not None and job.controller == self.job.controller
        trial = Trial(env, controller, job.seed, job.timing, world_options(job, env))
        self.env, self.controller, self.trial, self.job = env, controller, trial, job
        if not same_brain:
            self.forget_costs()
        self.trail: list[tuple[float, float]] = []
        self.thoughts: deque[Thought] = deque(maxlen=MOST_THOUGHTS)
        self.wheels: deque[tuple[float, float]] = deque(maxlen=MOST_COMMANDS)
        self.ticks_before = 0  # of all decisions but the last
        self.touched = False
        self.glimpse = Glimpse(self.batch)
        self.before = self.after = moment(self.batch)
        self.share = 1.0  # of the last step that is shown
        self.steps_since = self.steps_until_next = 1  # the last decision, and the next one

    @property
    def batch(self) -> Any:
        """The batch of one in which the robot drives."""
        return self.env.unwrapped.batch

    @property
    def control_s(self) -> float:
        """Seconds of a control step."""
        return float(self.batch.clock.control_s)

    @property
    def time_s(self) -> float:
        """The robot's time since the episode began."""
        return max(self.trial.steps - 1 + self.share, 0.0) * self.control_s

    @property
    def timing(self) -> Any:
        """How latency acts back."""
        return self.trial.pilot.timing

    @property
    def over(self) -> bool:
        """Whether the episode has ended and its end is shown."""
        return self.trial.ended and self.share >= 1.0

    @property
    def outcome(self) -> str:
        """How the episode stands in what is shown."""
        return str(self.trial.info["outcome"]) if self.over else "running"

    @property
    def thought(self) -> Thought | None:
        """The last decision."""
        return self.thoughts[-1] if self.thoughts else None

    def advance(self, duration_s: float) -> None:
        """Let the robot's time go on; it stops where the episode ends."""
        self.share += duration_s / self.control_s
        while self.share >= 1.0 and not self.trial.ended:
            self.share -= 1.0
            self.step()
        self.share = min(self.share, 1.0)

    def step(self) -> None:
        """Take one control step, and note what was decided."""
        self.trail.append((self.after.row["x"][0].item(), self.after.row["y"][0].item()))
        if len(self.trail) > MOST_TRAIL:
            del self.trail[1::2]
        pilot, seen, path_m = self.trial.pilot, self.trial.observation, self.trial.info["path_m"]
        decisions = pilot.decisions
        self.before = self.after
        self.trial.step()
        self.after = moment(self.batch)
        row = self.after.row[0]
        self.wheels.append((float(row["command_left"]), float(row["command_right"])))
        self.steps_since += 1
        if pilot.decisions > decisions:
            self._note(seen)
        self.meter.drive(self.control_s, self.trial.info["path_m"] - path_m)
        if self.trial.ended:
            self._end()

    def _end(self) -> None:
        """Count how an episode ended, unless somebody touched it."""
        if not self.touched:
            score = self.scores.setdefault(self.job.controller, Counter())
            score[self.trial.info["outcome"]] += 1
        if self.on_end is not None:
            self.on_end(self)

    def _note(self, seen: Any) -> None:
        """Remember a new decision."""
        if self.thought is not None:
            self.ticks_before += self.thought.ticks
        self.thoughts.append(think(self.controller, seen, self.batch.body))
        substeps = self.batch.clock.substeps
        left = substeps_until(self.latency_s, self.batch.clock.substep_s)
        self.steps_since, self.steps_until_next = 1, max(-(-left // substeps), 1)
        self.meter.decide(counted(self.controller), self.latency_s)

    @property
    def latency_s(self) -> float:
        """How long the last decision takes."""
        return self.trial.pilot.latency_s

    @property
    def is_late(self) -> bool:
        """Whether the last decision takes longer than a control step."""
        return self.steps_until_next > 1

    def forget_costs(self) -> None:
        """Measure anew: the brain that drives is not the one from before."""
        self.meter = Meter(self.prices)

    @property
    def thinking(self) -> float:
        """Share of the time between the last decision and the next that has passed."""
        passed = self.steps_since - 1 + self.share
        return min(passed / self.steps_until_next, 1.0)

    @property
    def tick(self) -> int:
        """Ticks of the last decision that are shown: they are spread until the next one."""
        if self.thought is None:
            return 0
        return min(math.floor(self.thinking * self.thought.ticks + 1e-9) + 1, self.thought.ticks)

    def frame(self) -> Any:
        """Return what a picture of the world shows now."""
        frame = self.glimpse.frame(self.before, self.after, self.share, self.trail)
        course = self.thought.course_rad if isinstance(self.thought, Spikes) else None
        return replace(frame, outcome=self.outcome, course_rad=course)

    def episode(self) -> Episode:
        """Return what has happened since the episode began."""
        return self.trial.episode()

    def step_tick(self) -> None:
        """Show one more tick of the decision, or the first of the next one."""
        if self.thought is None or self.tick >= self.thought.ticks:
            self.step_decision()
            return
        shown = (self.tick + 0.5) / self.thought.ticks * self.steps_until_next
        while self.steps_since - 1 + 1.0 <= shown and not self.trial.ended:
            self.step()
        self.share = min(shown - (self.steps_since - 1), 1.0)

    def step_decision(self) -> None:
        """Go on to the beginning of the next decision, or to the end of the episode."""
        decisions = self.trial.pilot.decisions
        while self.trial.pilot.decisions == decisions and not self.trial.ended:
            self.step()
        self.share = 0.0 if self.trial.pilot.decisions > decisions else 1.0

    def new_seed(self) -> None:
        """Begin the next episode that can: the next seed, and the next world of a file."""
        refusals = []
        for k in range(1, MOST_SKIPPED + 1):
            job = replace(self.job, seed=self.job.seed + k, episode=self.job.episode + k)
            try:
                self.begin(job)
            except ValueError as refusal:
                refusals.append(refusal)
            else:
                return
        raise refusals[0]

    def again(self) -> None:
        """Begin the same episode anew."""
        self.begin(self.job)

    def change_scenario(self, scenario: str) -> None:
        """Begin an episode in another scenario."""
        self.begin(replace(self.job, scenario=scenario))
        self.forget_costs()

    def hand_over(self, name: str) -> None:
        """Let another controller drive on: same world, same pose, same speed."""
        job = replace(self.job, controller=name, options=self._options_for(name))
        if self.trial.ended:
            self._remember()
            self.begin(job)
            return
        env = self._env_for(job)
        controller = self.hand if name == HAND else seat_controller(job, env)
        with blame(controller):
            controller.reset(job.seed)
        self._move_to(env)
        self._remember()
        self.job, self.controller = job, controller
        self.trial.pilot = Pilot(controller, self.timing, env.unwrapped.body)
        self.steps_since = self.steps_until_next = 1
        self.forget_costs()
        self.thoughts.clear()
        self.touched = True

    def reseat(self) -> None:
        """Build the controller anew, as it was before anybody meddled with it."""
        if self.job.controller != HAND:
            self.controller = self.trial.pilot.controller = seat_controller(self.job, self.env)
        with blame(self.controller):
            self.controller.reset(self.job.seed)

    def _remember(self) -> None:
        """Keep the figures of the brain that leaves, if it drove at all."""
        if self.meter.total.time_s > 0:
            self.previous = (self.job.controller, self.meter.mean)

    def _options_for(self, name: str) -> tuple[tuple[str, Any], ...]:
        """Return the environment's keywords, with the sensor that a controller needs, if any."""
        if name == HAND:
            return self.job.options
        sensor = named_sensor(name)
        given = dict(self.given)
        if sensor not in (None, given.pop("sensor", Settings.sensor)):
            given = {key: value for key, value in given.items() if key not in SENSOR_BOUND}
        return options_for(name, given if sensor else self.given)

    def _env_for(self, job: Job) -> Any:
        """Return the environment, or a like one with the sensor that a controller needs."""
        if job.options == self.job.options:
            return self.env
        return make_env(job.env, job.scenario, job.options)

    def _move_to(self, env: Any) -> None:
        """Go on in another environment where this one stands."""
        if env is self.env:
            return
        env.reset(seed=self.job.seed, options=world_options(self.job, env))
        self.trial.observation = env.unwrapped.set_state(self.env.unwrapped.get_state())
        self.trial.env = self.env = env
        self.glimpse = Glimpse(self.batch)

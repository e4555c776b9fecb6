"""The demo as a machine with knobs: pace, themes, messages, recordings, and a session to watch.

It needs no window. Keys and mouse (`neurobot.demo.window`), a headless run, and tests turn the same
knobs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import gymnasium as gym

from neurobot.controllers import COMPARED
from neurobot.controllers.mind import TICKS
from neurobot.demo import captions, meddling
from neurobot.demo.hand import NAME as HAND
from neurobot.demo.help_panel import Entry
from neurobot.demo.raster import ZOOMS, zoom_for
from neurobot.demo.recording import Recorder, free_path, save_png
from neurobot.demo.session import Session
from neurobot.demo.stage import Picture, Stage
from neurobot.envs.drawing.canvas import Pixels, pygame, to_pixels
from neurobot.envs.drawing.theme import THEMES
from neurobot.envs.scenarios import SCENARIOS
from neurobot.loop import ControllerError
from neurobot.quantities import prefixed

SPEEDS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
MESSAGE_S = 3.0
PAUSE_S = 1.5  # between the end of an episode and the next
FOLLOWED_S = 0.35  # a decision that takes less of the spectator's time is shown when it is made
CLOCK_FACTOR = 2.0
FINE_ZOOM = ZOOMS[-1]
LEAST_SIDE_PX = 2
REFUSALS = (ValueError, OSError, ImportError, ControllerError, gym.error.Error)


@dataclass(frozen=True)
class Options:
    """How a demo is shown."""

    theme: str = "dark"
    speed: float = 1.0
    goes_on: bool = True  # with the next seed when an episode has ended
    brains: tuple[str, ...] = ()  # controllers to change between; none: all that are known


class Player:
    """Plays a session."""

    def __init__(self, session: Session, size: tuple[int, int], options: Options) -> None:
        self.session = session
        self.canvas = pygame.Surface(size, 0, 32)
        self.theme = options.theme
        self.stage = Stage(THEMES[self.theme])
        self.film_stage = Stage(THEMES[self.theme])  # keeps what it paints in another size
        self.speed = options.speed
        self.goes_on = options.goes_on
        self.paused = self.is_fine = self.help_open = False
        self.help: Sequence[Entry] = ()  # what there is to press
        self.message: str | None = None
        self.message_s = self.ended_s = 0.0
        self.recorder: Recorder | None = None
        self.record_error: OSError | None = None  # why a video ended before its end
        self.since_recorded_s = 0.0
        self.films: list[Path] = []  # videos that were finished
        others = options.brains or COMPARED
        self.brains = list(dict.fromkeys([session.job.controller, *others]))
        self.places = list(dict.fromkeys([session.job.scenario, *SCENARIOS]))
        self.brain = session.job.controller  # who drives when the hand does not

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the screen in pixels."""
        return self.canvas.get_size()

    def resize(self, size: tuple[int, int]) -> None:
        """Show everything on a screen of another size; a video keeps the one that it began with."""
        if size != self.size:
            self.canvas = pygame.Surface([max(side, LEAST_SIDE_PX) for side in size], 0, 32)

    def advance(self, duration_s: float) -> None:
        """Let so much time pass in front of the screen."""
        self.message_s -= duration_s
        if self.message_s <= 0:
            self.message = None
        self.since_recorded_s += duration_s
        if self.paused:
            return
        self.session.advance(duration_s * self.speed)
        if not self.session.over:
            self.ended_s = 0.0
            return
        self.ended_s += duration_s
        if self.goes_on and self.ended_s >= PAUSE_S:
            self.goes_on = self.attempt(self.session.new_seed)

    def paint(self) -> pygame.Surface:
        """Paint the screen, and record it when it is time to."""
        picture = self.picture()
        self.stage.paint(self.canvas, picture)
        recorder = self.recorder
        if recorder is not None and self.since_recorded_s >= recorder.frame_s - 1e-9:
            self.since_recorded_s -= recorder.frame_s
            self._film(recorder, picture)
        return self.canvas

    def _film(self, recorder: Recorder, picture: Picture) -> None:
        """Add a picture to the video, in the size that it has."""
        canvas = self.canvas
        if recorder.size != self.size:
            canvas = pygame.Surface(recorder.size, 0, 32)
            self.film_stage.use(self.stage.theme)
            self.film_stage.paint(canvas, picture)
        try:
            recorder.add(to_pixels(canvas))
        except OSError as error:
            self.recorder, self.record_error = None, error
            self.say(str(error))

    def pixels(self) -> Pixels:
        """Return the screen as it was painted last, (rows, columns, 3)."""
        return to_pixels(self.canvas)

    def say(self, message: str) -> None:
        """Show a message for a while."""
        self.message, self.message_s = message, MESSAGE_S

    def attempt(self, deed: Callable[[], object]) -> bool:
        """Do what may be refused, and say why it was; return whether it was done."""
        try:
            deed()
        except REFUSALS as refusal:
            self.say(" ".join(str(refusal).split()))
            return False
        return True

    def toggle_pause(self) -> None:
        """Stop, or go on at the pace from before."""
        self.paused = not self.paused
        self.is_fine = self.is_fine and self.paused

    def step_tick(self) -> None:
        """Stop, and let the chip do one tick."""
        self.paused = self.is_fine = True
        self.session.step_tick()

    def step_decision(self) -> None:
        """Stop, and go to the next decision."""
        self.paused = True
        self.session.step_decision()

    def change_speed(self, steps: int) -> None:
        """Let the time go slower or faster by so many steps."""
        k = min(range(len(SPEEDS)), key=lambda k: abs(SPEEDS[k] - self.speed))
        self.speed = SPEEDS[min(max(k + steps, 0), len(SPEEDS) - 1)]

    def change_brain(self, steps: int) -> None:
        """Let the next controller of the list drive on that can."""
        k = self.brains.index(self.brain)
        for offset in range(1, len(self.brains)):
            name = self.brains[(k + steps * offset) % len(self.brains)]
            if self.attempt(partial(self.session.hand_over, name)):
                self.brain = name
                passed = f"; {offset - 1} could not" if offset > 1 else ""
                self.say(f"{name} drives{passed}")
                return

    def toggle_hand(self) -> None:
        """Let the arrow keys drive, or the brain again."""
        if self.session.job.controller == HAND:
            if self.attempt(lambda: self.session.hand_over(self.brain)):
                self.say(f"{self.brain} drives")
        else:
            self.session.hand_over(HAND)
            self.say("you drive, by the arrow keys; M gives back")

    def steer(self, forward: int, left: int) -> None:
        """Hold arrow keys: whoever presses one drives."""
        if (forward or left) and self.session.job.controller != HAND:
            self.toggle_hand()
        self.session.hand.forward, self.session.hand.left = forward, left

    def change_place(self, steps: int) -> None:
        """Begin an episode in the next scenario of the list."""
        k = self.places.index(self.session.job.scenario) + steps
        self.begin(lambda: self.session.change_scenario(self.places[k % len(self.places)]))

    def begin(self, deed: Callable[[], object]) -> None:
        """Begin another episode."""
        self.ended_s = 0.0
        self.attempt(deed)

    def scale_clock(self, factor: float) -> None:
        """Let the chip run slower or faster."""

        def scale() -> None:
            clock_hz = meddling.scale_clock(self.session, factor)
            self.say(f"the chip runs at {prefixed(clock_hz, 'Hz', 3)}")

        self.attempt(scale)

    def kill_beams(self) -> None:
        """Blind a part of the sensor."""
        what = "columns" if self.session.batch.body.sensor == "camera" else "beams"

        def kill() -> None:
            dead, all_of_them = meddling.kill_beams(self.session)
            self.say(f"{dead} of {all_of_them} {what} are dead")

        self.attempt(kill)

    def flip_bit(self) -> None:
        """Invert a bit of a weight."""
        self.attempt(lambda: self.say(f"bit flip: {meddling.flip_bit(self.session)}"))

    def repair(self) -> None:
        """Undo all damage."""
        meddling.repair(self.session)
        self.say("sensor, weights and clock are as they were")

    def change_theme(self) -> None:
        """Take the other theme."""
        names = list(THEMES)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]
        self.stage.use(THEMES[self.theme])

    def toggle_help(self) -> None:
        """Open or close the help screen."""
        self.help_open = not self.help_open

    def save_screenshot(self) -> None:
        """Write the screen to a file in the working folder."""

        def save() -> None:
            path = free_path(f"neurobot-{self.session.job.seed}", ".png")
            save_png(path, self.pixels())
            self.say(f"saved {path}")

        self.attempt(save)

    def toggle_recording(self) -> None:
        """Begin a video in the working folder, or finish it."""
        if self.recorder is not None:
            self.stop_recording()
            return
        name = f"neurobot-{self.session.job.seed}"
        self.attempt(lambda: self.record(free_path(name, ".mp4")))

    def record(self, path: Path) -> None:
        """Begin a video."""
        self.recorder, self.record_error = Recorder(path, self.size), None
        self.since_recorded_s = self.recorder.frame_s
        self.say(f"recording {path}")

    def stop_recording(self) -> None:
        """Finish the video, if there is one."""
        if self.recorder is None:
            return
        recorder, self.recorder = self.recorder, None
        recorder.close()
        if recorder.pictures:
            self.films.append(recorder.path)
        self.say(f"saved {recorder.path}" if recorder.pictures else "nothing was recorded")

    def picture(self) -> Picture:
        """Collect what the screen shows."""
        session = self.session
        return Picture(
            frame=session.frame(),
            place=captions.place(session),
            pace=captions.pace(session, self.speed, paused=self.paused),
            thoughts=session.thoughts,
            ticks_before=session.ticks_before,
            tick=session.tick,
            is_followed=self._is_followed(),
            zoom=self._zoom(),
            mind=captions.mind(session),
            wheels=session.wheels,
            meters=captions.meters(session),
            message=self.message,
            is_recording=self.recorder is not None,
            help=self.help if self.help_open else None,
        )

    def _is_followed(self) -> bool:
        """Whether a decision goes slowly enough to follow it tick by tick."""
        period_s = self.session.steps_until_next * self.session.control_s
        return self.is_fine or period_s / self.speed >= FOLLOWED_S

    def _zoom(self) -> float:
        if self.is_fine:
            return FINE_ZOOM
        return zoom_for(TICKS / self.session.control_s * self.speed)

"""Every key and button of the demo's window does what the help says, on a real X server."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from desk import FREE, JOB, PX, Desk, film, is_on
from desk import desk as desk
from desk import screen as screen
from desk import server as server
from numpy.typing import NDArray
from PIL import Image

from neurobot.angles import wrap
from neurobot.demo import meddling, pen
from neurobot.demo.keys import ARROWS, BESIDES, KEYS, QUIT
from neurobot.demo.session import Session
from neurobot.envs.drawing.canvas import pygame, render, write
from neurobot.envs.drawing.theme import THEMES
from neurobot.envs.scenarios import SCENARIOS

Check: TypeAlias = Callable[[Desk, int], None]  # of a key, or a button of the mouse

POSE = ("x", "y", "heading")


def pauses_and_goes_on(desk: Desk, code: int) -> None:
    desk.tap(code)
    desk.drive(0.2)
    desk.tap(code)
    stopped_s = desk.session.time_s
    desk.turns()
    assert desk.session.time_s == stopped_s


def shows_one_tick_more(desk: Desk, code: int) -> None:
    desk.session.step_decision()
    desk.player.paused = False
    desk.tap(code)
    for _ in range(3):
        tick, before = desk.session.tick, desk.session.ticks_before
        desk.tap(code)
        desk.turns()
        assert (desk.session.tick, desk.session.ticks_before) == (tick + 1, before)


def goes_to_the_next_decision(desk: Desk, code: int) -> None:
    desk.player.paused = False
    desk.tap(code)
    for _ in range(3):
        before = desk.session.trial.pilot.decisions
        desk.tap(code)
        desk.turns()
        assert (desk.session.trial.pilot.decisions, desk.session.tick) == (before + 1, 1)


def changes_the_speed(desk: Desk, code: int, speeds: Sequence[float]) -> None:
    for speed in (*speeds, speeds[-1]):
        desk.tap(code)
        before_s = desk.session.time_s
        desk.player.paused = False
        desk.player.advance(0.1)
        desk.player.paused = True
        assert desk.session.time_s - before_s == pytest.approx(0.1 * speed)


def changes_the_brain(desk: Desk, code: int) -> None:
    desk.session.advance(1.0)
    pose, brains = desk.row(*POSE, "steps"), [desk.session.job.controller]
    for shift in (False, True):
        for _ in range(4):
            desk.tap(code, shift)
            brains.append(desk.session.job.controller)
            assert type(desk.session.controller).__name__.lower().startswith(brains[-1])
            assert desk.row(*POSE, "steps") == pose
    assert brains == brains[::-1], "Shift leads back"
    assert len(set(brains)) == 5


def changes_the_place(desk: Desk, code: int) -> None:
    discs, places = desk.discs(), [desk.session.job.scenario]
    for shift in (False, True):
        for _ in SCENARIOS:
            desk.session.advance(0.5)
            desk.tap(code, shift)
            places.append(desk.session.job.scenario)
            assert desk.row("steps") == (0,)
    assert places == places[::-1], "Shift leads back"
    assert set(places) == set(SCENARIOS)
    assert desk.session.job == JOB
    np.testing.assert_array_equal(desk.discs(), discs)


def begins_the_next_seed(desk: Desk, code: int) -> None:
    desk.session.advance(1.0)
    discs = desk.discs()
    desk.tap(code)
    assert (desk.session.job.seed, *desk.row("steps")) == (JOB.seed + 1, 0)
    assert not np.array_equal(desk.discs(), discs)


def begins_again(desk: Desk, code: int) -> None:
    discs, pose = desk.discs(), desk.row(*POSE, "steps")
    meddling.add_disc(desk.session, *FREE)
    desk.session.advance(1.0)
    desk.tap(code)
    assert (desk.session.job, desk.row(*POSE, "steps")) == (JOB, pose)
    np.testing.assert_array_equal(desk.discs(), discs)
    assert not desk.session.touched


def hands_the_wheels_over(desk: Desk, code: int) -> None:
    desk.player.paused, desk.player.speed = False, 4.0
    desk.tap(code)
    desk.drive(1.0)
    pose = desk.row(*POSE)
    desk.drive(0.5)
    assert desk.row(*POSE) == pose, "nobody drives, and yet it moves"
    desk.tap(code)
    desk.drive(0.5)
    assert desk.row(*POSE) != pose
    assert desk.session.job.controller == JOB.controller


def scales_the_clock(desk: Desk, code: int, factor: float) -> None:
    clock_hz, alone = meddling.clock_hz(desk.session), Session(JOB, desk.session.prices)
    desk.tap(code)
    assert meddling.clock_hz(desk.session) == factor * clock_hz
    for each in (alone, desk.session):
        each.step_decision()
    assert desk.session.latency_s == pytest.approx(alone.latency_s / factor)


def kills_beams(desk: Desk, code: int) -> None:
    assert not is_on(desk.look(), "dead").any()
    desk.tap(code)
    count = desk.session.batch.beams.dead.sum()
    assert 0 < count < len(desk.session.batch.beams.dead) / 4
    assert is_on(desk.look(), "dead").any()
    desk.tap(code)
    assert desk.session.batch.beams.dead.sum() > count


def weights(desk: Desk) -> NDArray[np.int64]:
    memories = meddling.spiking_brain(desk.session).network.memories
    return np.asarray(np.concatenate([each.ravel() for each in memories.values()]), np.int64)


def flips_one_bit(desk: Desk, code: int) -> None:
    before = weights(desk)
    desk.tap(code)
    after = weights(desk)
    width = meddling.spiking_brain(desk.session).network.chip.weight_bits
    flipped = (before ^ after)[before != after] & (1 << width) - 1
    assert [bits.bit_count() for bits in flipped.tolist()] == [1]


def undoes_all_damage(desk: Desk, code: int) -> None:
    before, clock_hz = weights(desk), meddling.clock_hz(desk.session)
    for harm in (pygame.K_f, pygame.K_x, pygame.K_j):
        desk.tap(harm)
    desk.tap(code)
    np.testing.assert_array_equal(weights(desk), before)
    assert (meddling.clock_hz(desk.session), desk.session.timing) == (clock_hz, JOB.timing)
    assert not desk.session.batch.beams.dead.any()


def changes_the_colours(desk: Desk, code: int) -> None:
    for theme in ("dark", "light", "dark"):
        assert tuple(desk.look()[0, 0]) == THEMES[theme].paper
        desk.tap(code)


def saves_what_is_seen(desk: Desk, code: int) -> None:
    seen = desk.look()
    desk.tap(code)
    (path,) = Path().glob("*.png")
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), seen)


def records_a_video(desk: Desk, code: int) -> None:
    desk.player.paused = False
    desk.tap(code)
    recorder = desk.player.recorder
    assert recorder is not None
    desk.until(lambda: recorder.pictures >= 10)
    desk.tap(code)
    assert desk.player.recorder is None
    (path,) = Path().glob("*.mp4")
    pictures = film(path)
    assert len(pictures) == recorder.pictures
    assert np.abs(pictures[-1].astype(int) - desk.player.pixels()).mean() < 4


def opens_and_closes_the_help(desk: Desk, code: int) -> None:
    written: set[str] = set()

    def spy(canvas: Any, text: str, *where: Any, height: int, width: int | None) -> Any:
        whole = render(text, where[-1], height, None).get_width()
        if width is None or whole <= width:
            written.add(text)
        return write(canvas, text, *where, height=height, width=width)

    before = desk.look()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pen, "write", spy)
        desk.tap(code)
        opened = desk.look()
    assert (opened != before).any(axis=2).mean() > 0.5
    lines = [*((key.name, key.does) for key in KEYS), *BESIDES]
    assert {text for line in lines for text in line} <= written, "cut short, or not there"
    desk.tap(code)
    np.testing.assert_array_equal(desk.look(), before)


def drives_while_it_is_held(desk: Desk, code: int) -> None:
    forward, left = {
        pygame.K_UP: (1, 0),
        pygame.K_DOWN: (-1, 0),
        pygame.K_LEFT: (0, 1),
        pygame.K_RIGHT: (0, -1),
    }[code]
    desk.player.begin(lambda: desk.session.change_scenario("empty"))
    desk.player.paused, desk.player.speed = False, 4.0
    x, y, heading = desk.row(*POSE)
    with desk.holding(code):
        desk.drive(0.4)
    to_x, to_y, to_heading = desk.row(*POSE)
    ahead_m = (to_x - x) * np.cos(heading) + (to_y - y) * np.sin(heading)
    moved = [ahead_m, wrap(to_heading - heading)]
    assert np.sign(np.round(moved, 1)).tolist() == [forward, left]
    desk.drive(1.5)
    here = desk.row(*POSE)
    desk.drive(0.5)
    assert desk.row(*POSE) == here, "let go, and yet it moves"


def adds_and_drags(desk: Desk, code: int) -> None:
    bare, at, count = is_on(desk.look(), "stone"), desk.pixel(*FREE), len(desk.discs())
    desk.click(code, at)
    assert len(desk.discs()) == count + 1
    assert desk.discs()[-1, :2] == pytest.approx(FREE, abs=PX)
    rows, columns = np.nonzero(is_on(desk.look(), "stone") & ~bare)
    assert (columns.mean(), rows.mean()) == pytest.approx(at, abs=1), "elsewhere on the screen"
    to = (at[0] - 60, at[1] + 43)
    desk.drag((at[0] + 5, at[1] - 4), (to[0] + 5, to[1] - 4))
    desk.point(at)  # it was let go
    rows, columns = np.nonzero(is_on(desk.look(), "stone") & ~bare)
    assert (columns.mean(), rows.mean()) == pytest.approx(to, abs=1), "elsewhere on the screen"
    desk.drag(desk.pixel(*desk.row("goal_x", "goal_y")), at)
    assert desk.row("goal_x", "goal_y") == pytest.approx(FREE, abs=PX)
    assert len(desk.discs()) == count + 1


def removes(desk: Desk, code: int) -> None:
    before = desk.discs()
    desk.click(code, desk.pixel(*before[7, :2]))
    desk.click(code, desk.pixel(*FREE))
    np.testing.assert_array_equal(desk.discs(), np.delete(before, 7, axis=0))


def closes_the_help_and_quits(desk: Desk, code: int) -> None:
    desk.tap(pygame.K_h)
    desk.tap(code)
    assert (desk.player.help_open, desk.window.is_open) == (False, True)
    desk.tap(code)
    assert not desk.window.is_open


CHECKS: dict[str, Check] = {
    "Space": pauses_and_goes_on,
    "T": shows_one_tick_more,
    "D": goes_to_the_next_decision,
    "+": partial(changes_the_speed, speeds=(2, 4, 8)),
    "-": partial(changes_the_speed, speeds=(1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64)),
    "C   Shift+C": changes_the_brain,
    "W   Shift+W": changes_the_place,
    "N": begins_the_next_seed,
    "Backspace": begins_again,
    "M": hands_the_wheels_over,
    "J": partial(scales_the_clock, factor=1 / 2),
    "K": partial(scales_the_clock, factor=2),
    "X": kills_beams,
    "F": flips_one_bit,
    "U": undoes_all_damage,
    "L": changes_the_colours,
    "S": saves_what_is_seen,
    "R": records_a_video,
    "H": opens_and_closes_the_help,
    "Arrow keys": drives_while_it_is_held,
    "Left button": adds_and_drags,
    "Right button": removes,
    "Esc, Q": closes_the_help_and_quits,
}
CASES = [
    *((key.name, code) for key in KEYS for code in key.codes),
    *(("Arrow keys", code) for code in ARROWS),
    ("Left button", 1),
    ("Right button", 3),
    *(("Esc, Q", code) for code in QUIT),
]


def test_the_table_of_checks_is_the_help() -> None:
    assert [*CHECKS] == [*(key.name for key in KEYS), *(name for name, _ in BESIDES)]
    assert [key.name for key in KEYS if key.shifted] == [name for name in CHECKS if "Shift" in name]
    assert {name for name, _ in CASES} == {*CHECKS}
    others = {pygame.K_EQUALS, pygame.K_KP_PLUS, pygame.K_KP_MINUS, pygame.K_F1, pygame.K_q}
    assert others <= {code for _, code in CASES}


@pytest.mark.parametrize(("name", "code"), CASES)
def test_every_key_and_button_does_what_the_help_says(name: str, code: int, desk: Desk) -> None:
    CHECKS[name](desk, code)

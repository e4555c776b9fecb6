"""The knobs of the demo, without a window: what every key does, pace, messages, videos."""

import math
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demos import SMALL, bare, begin, dying_encoder, evaluated, finish, pictures, play
from PIL import Image

from neurobot.controllers import COMPARED
from neurobot.demo.headless import run_headless
from neurobot.demo.keys import ARROWS, BESIDES, KEYS, QUIT, help_entries, press
from neurobot.demo.player import MESSAGE_S, PAUSE_S, SPEEDS, Player
from neurobot.demo.recording import FORMATS, Recorder
from neurobot.envs.drawing.canvas import pygame
from neurobot.envs.drawing.theme import THEMES
from neurobot.envs.scenarios import SCENARIOS

Effect = Callable[[Player], object]


def weight_sum(player: Player) -> int:
    memories = player.session.controller.brain_for(True).network.memories
    return int(sum((matrix.astype(np.int64)).sum() for matrix in memories.values()))


def clock_hz(player: Player) -> float:
    return float(player.session.timing.clock_hz or player.session.controller.clock_hz)


def files(player: Player) -> list[str]:
    return sorted(path.name for path in Path.cwd().iterdir())


# Name of a key: what it changes, and to what by what was before; with Shift in the second row.
EFFECTS: dict[str, list[tuple[Effect, Callable[[Any], Any]]]] = {
    "Space": [(lambda p: p.paused, lambda was: not was)],
    "T": [
        (lambda p: (p.paused, p.session.tick), lambda was: (True, was[1] + 1)),
    ],
    "D": [
        (lambda p: (p.paused, p.session.trial.pilot.decisions), lambda was: (True, was[1] + 1)),
    ],
    "+": [(lambda p: p.speed, lambda was: 2 * was)],
    "-": [(lambda p: p.speed, lambda was: was / 2)],
    "C   Shift+C": [
        (lambda p: p.session.job.controller, lambda _: "random"),
        (lambda p: p.session.job.controller, lambda _: COMPARED[-1]),
    ],
    "W   Shift+W": [
        (lambda p: (p.session.job.scenario, p.session.trial.steps), lambda _: ("empty", 0)),
        (lambda p: (p.session.job.scenario, p.session.trial.steps), lambda _: ("looming", 0)),
    ],
    "N": [
        (
            lambda p: (p.session.job.seed, p.session.job.scenario, p.session.trial.steps),
            lambda was: (was[0] + 1, was[1], 0),
        )
    ],
    "Backspace": [
        (lambda p: (p.session.job, p.session.trial.steps), lambda was: (was[0], 0)),
    ],
    "M": [(lambda p: p.session.job.controller, lambda _: "hand")],
    "J": [(clock_hz, lambda was: was / 2)],
    "K": [(clock_hz, lambda was: 2 * was)],
    "X": [(lambda p: int(p.session.batch.beams.dead.sum()), lambda was: was + 6)],
    "F": [(lambda p: p.session.touched, lambda _: True)],
    "U": [(lambda p: p.message, lambda _: "sensor, weights and clock are as they were")],
    "L": [(lambda p: p.stage.theme, lambda _: THEMES["light"])],
    "S": [(files, lambda _: ["neurobot-0-1.png"])],
    "R": [(lambda p: p.recorder and p.recorder.path.name, lambda _: "neurobot-0-1.mp4")],
    "H": [(lambda p: p.help_open, lambda _: True)],
}
PRESSES = [(key, code, False) for key in KEYS for code in key.codes]
PRESSES += [(key, key.codes[0], True) for key in KEYS if key.shifted or key.name == "Space"]


def under_way() -> Player:
    player = play(begin())
    player.advance(0.8)
    player.paint()
    return player


@pytest.mark.parametrize(("key", "code", "shift"), PRESSES)
def test_every_key_does_what_the_help_says(
    key: Any, code: int, shift: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    player = under_way()
    player.session.damages = np.random.default_rng(3)
    effect, change = EFFECTS[key.name][shift and key.shifted is not None]
    before, weights = effect(player), weight_sum(player)
    press(player, code, shift=shift)
    assert effect(player) == change(before)
    assert effect(player) != before or key.name == "T"
    still = player.session.job.controller == "poppins"
    if still:
        assert (weight_sum(player) != weights) == (key.name == "F")
    player.stop_recording()


def test_the_table_of_keys_is_whole_and_the_help_says_all_of_it() -> None:
    codes = [code for key in KEYS for code in key.codes] + [*ARROWS, *QUIT]
    assert len(set(codes)) == len(codes) > 25
    assert [key.name for key in KEYS] == list(EFFECTS)
    for key in KEYS:
        assert len(EFFECTS[key.name]) == 1 + (key.shifted is not None), key.name
    assert help_entries() == (*((key.name, key.does) for key in KEYS), *BESIDES)
    player = under_way()
    before = bare(evaluated(player.session)[0])
    press(player, pygame.K_z)
    player.goes_on = False
    while not player.session.over:
        player.advance(0.1)
    assert player.session.episode() == before, "a key that means nothing does nothing"


def test_keys_undo_what_they_did() -> None:
    player = under_way()
    for code in (pygame.K_SPACE, pygame.K_h, pygame.K_l, pygame.K_m):
        before = player.paused, player.help_open, player.stage.theme, player.session.job
        press(player, code)
        assert (player.paused, player.help_open, player.stage.theme, player.session.job) != before
        press(player, code)
        assert (player.paused, player.help_open, player.stage.theme, player.session.job) == before
    weights, hz = weight_sum(player), clock_hz(player)
    for code in (pygame.K_x, pygame.K_f, pygame.K_f, pygame.K_j, pygame.K_u):
        press(player, code)
    assert not player.session.batch.beams.dead.any()
    assert (weight_sum(player), clock_hz(player)) == (weights, hz)


def test_holding_a_key_repeats_only_steps() -> None:
    player = under_way()
    for key in KEYS:
        before = player.session.trial.pilot.decisions, player.session.tick, player.speed
        press(player, key.codes[0], again=True)
        changed = (
            player.session.trial.pilot.decisions,
            player.session.tick,
            player.speed,
        ) != before
        assert changed == key.repeats == (key.name in "TD"), key.name


def test_the_list_of_speeds_ends() -> None:
    player = play(begin(), speed=3.3)
    player.change_speed(1)
    assert player.speed == 8.0
    for _ in range(30):
        player.change_speed(1)
    assert player.speed == max(SPEEDS)
    for _ in range(30):
        player.change_speed(-1)
    assert player.speed == min(SPEEDS)
    paces = []
    for speed in (*SPEEDS, 1 / 3, 0.3, 0.7, 64.0):
        player.speed = speed
        paces.append(player.picture().pace.partition("   ")[2])
    ours = "1/64 1/32 1/16 1/8 1/4 1/2 1 2 4 8 1/3 0.3 0.7 64"
    assert paces == [f"x {each}" for each in ours.split()]


def test_speed_is_how_fast_the_robot_goes_and_pausing_stops_it() -> None:
    player = play(begin(), speed=0.5)
    player.advance(3.0)
    assert player.session.time_s == pytest.approx(1.5)
    player.toggle_pause()
    player.advance(3.0)
    assert player.session.time_s == pytest.approx(1.5)


def test_every_controller_gets_its_turn_in_both_directions() -> None:
    player = play(begin("vfh", "crossing"))
    names = list(COMPARED)
    assert len(names) >= 5
    for steps in (1, -1):
        for k in range(1, len(names) + 1):
            player.advance(0.05)
            player.change_brain(steps)
            # The list begins with the one that drove first.
            order = ["vfh", *(name for name in names if name != "vfh")]
            assert player.session.job.controller == order[steps * k % len(order)]
    player.steer(1, 0)
    assert player.session.job.controller == "hand"
    player.change_brain(1)
    assert player.session.job.controller == "random", "the one after the brain that gave the wheels"


def test_brains_that_cannot_drive_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    player = play(begin("vfh"))
    player.brains = ["vfh", "nobody", "brains:Mindless", "random"]
    player.change_brain(1)
    assert (player.session.job.controller, player.message) == (
        "random",
        "random drives; 2 could not",
    )


def test_every_scenario_gets_its_turn() -> None:
    player = play(begin("vfh", "rooms"))
    seen = [player.session.job.scenario]
    for _ in SCENARIOS:
        player.change_place(1)
        player.advance(0.2)
        seen.append(player.session.job.scenario)
    assert set(seen) == set(SCENARIOS)
    assert seen[0] == seen[-1]


def test_messages_pass() -> None:
    player = play(begin())
    player.say("hello")
    player.advance(MESSAGE_S - 0.1)
    assert player.picture().message == "hello"
    player.advance(0.2)
    assert player.picture().message is None


def test_episodes_follow_each_other_after_a_pause() -> None:
    player = play(begin())
    finish(player.session)
    player.advance(PAUSE_S - 0.1)
    assert player.session.over
    player.advance(0.2)
    assert (player.session.job.seed, player.session.trial.steps) == (1, 0)


@pytest.mark.parametrize("fps", [30, 60])
def test_a_video_holds_the_pictures_of_its_time(
    fps: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    player = play(begin(), size=(641, 361))
    Path("neurobot-0-1.mp4").touch()
    player.toggle_recording()
    for _ in range(fps):
        player.advance(1 / fps)
        player.paint()
    assert player.picture().is_recording
    player.toggle_recording()
    assert player.message == "saved neurobot-0-2.mp4"
    film = pictures(Path("neurobot-0-2.mp4"))
    # What was due before the first picture counts as well.
    assert 30 <= len(film) <= 31
    assert {picture.shape for picture in film} == {(360, 640, 3)}
    player.resize((640, 360))
    player.paint()
    off = film[-1].astype(int) - player.pixels()
    assert np.abs(off).mean() < 4, "the codec loses a little"


def test_a_video_keeps_its_size_when_the_screen_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    player = play(begin())
    player.toggle_recording()
    for size in (SMALL, (700, 500), (1, 1), SMALL):
        player.resize(size)
        for _ in range(3):
            player.advance(1 / 30)
            player.paint()
    assert not Path("neurobot-0-1.mp4").exists(), "a film has its name when it is whole"
    player.toggle_recording()
    assert [path.name for path in tmp_path.iterdir()] == ["neurobot-0-1.mp4"]
    film = pictures(Path("neurobot-0-1.mp4"))
    assert {picture.shape for picture in film} == {(SMALL[1], SMALL[0], 3)}
    assert len(film) == 12


def test_a_screenshot_is_what_the_screen_shows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    player = under_way()
    player.save_screenshot()
    player.save_screenshot()
    assert player.message == "saved neurobot-0-2.png"
    for name in ("neurobot-0-1.png", "neurobot-0-2.png"):
        with Image.open(name) as image:
            np.testing.assert_array_equal(np.asarray(image), player.pixels())


def test_a_folder_that_takes_no_files_is_told_as_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")
    player = under_way()
    press(player, pygame.K_s)
    assert "neurobot-0-1.png" in str(player.message)
    with dying_encoder():
        press(player, pygame.K_r)
        for _ in range(60):  # root is refused only when something is written
            player.advance(1 / 30)
            player.paint()
        assert player.recorder is None
        assert "neurobot-0-1.mp4" in str(player.picture().message)
        del player


def test_without_the_encoder_a_file_that_is_there_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = tmp_path / "film.mp4"
    kept.write_bytes(b"precious")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'neurobot\[record\]'"):
        Recorder(kept, SMALL)
    assert kept.read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_run_without_a_window_records_so_many_seconds(suffix: str, tmp_path: Path) -> None:
    player = play(begin())
    path = tmp_path / f"film{suffix}"
    player.record(path)
    run_headless(player, 1.0)
    film = pictures(path)
    assert len(film) == math.ceil(FORMATS[suffix])
    assert film[0].shape == (SMALL[1], SMALL[0], 3)
    assert player.session.time_s == pytest.approx(len(film) / FORMATS[suffix])
    assert any((first != second).any() for first, second in pairwise(film))

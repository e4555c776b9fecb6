"""Students of the teacher: what they are to learn, that they do, and the whole school."""

import importlib.util
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="students need PyTorch, of the extra 'train'")

from neurobot.controllers.cnn import CnnController  # noqa: E402
from neurobot.controllers.steering import CHOICES  # noqa: E402
from neurobot.envs.settings import Settings  # noqa: E402
from neurobot.imitate import school, student  # noqa: E402
from neurobot.imitate.drives import Lessons, drive, teacher  # noqa: E402
from neurobot.imitate.school import Pupil  # noqa: E402
from neurobot.imitate.student import (  # noqa: E402
    STEERING,
    Exercises,
    as_columns,
    as_input,
    driver,
    is_good,
)
from neurobot.qnet import load  # noqa: E402
from neurobot.quantize.networks import NETWORKS as ARCHITECTURES  # noqa: E402
from neurobot.quantize.networks import make_network, steering  # noqa: E402
from neurobot.quantize.networks.steering import steering_net  # noqa: E402
from neurobot.quantize.networks.streaming import beams_net, columns_net  # noqa: E402
from neurobot.quantize.settings import Settings as Training  # noqa: E402
from neurobot.quantize.training import train_on  # noqa: E402

SCRIPT = Path(__file__).parent.parent / "scripts" / "train_brains.py"


@cache
def all_lessons() -> Lessons:
    return drive("forest", teacher, 64, seed=9, rows=8)


def some_lessons(count: int) -> Lessons:
    return Lessons(all_lessons().pictures[:count].copy(), all_lessons().worth[:count].copy())


@pytest.mark.parametrize("most_m", [student.MOST_M, 1.0])
def test_the_loss_equals_a_plain_formula(most_m: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(student, "MOST_M", most_m)
    rng = np.random.default_rng(0)
    outputs, worth = rng.normal(0, 3, (5, CHOICES)), rng.normal(0, 6, (5, CHOICES))
    total = 0.0
    for scores, metres in zip(outputs.tolist(), worth.tolist(), strict=True):
        best = max(metres)
        shares = [math.exp(max(one - best, -most_m) / 0.25) for one in metres]
        everything = math.log(sum(math.exp(score) for score in scores))
        for share, score in zip(shares, scores, strict=True):
            total += share / sum(shares) * (everything - score) / 5
    found = student.loss(torch.tensor(outputs), (torch.tensor(worth),))
    assert float(found) == pytest.approx(total, rel=1e-12)
    assert (worth.max(axis=1) - worth.min(axis=1)).min() > 8, "nothing was cut off"


def test_a_good_choice_is_at_most_half_a_metre_worse_than_the_best() -> None:
    worth = torch.tensor([[3.0, 2.5, 2.49, -9.0]]).repeat(4, 1)
    assert is_good(torch.eye(4), (worth,)).tolist() == [True, True, False, False]


def test_exercises_are_lessons_as_they_are_or_in_a_mirror() -> None:
    lessons = some_lessons(20)
    exercises, numbers = Exercises(lessons), np.array([3, 11, 4])
    seen = set()
    for seed in range(8):
        pictures, (worth,) = exercises.take(numbers, np.random.default_rng(seed))
        is_mirrored = np.random.default_rng(seed).random() < 0.5
        seen.add(is_mirrored)
        for k, number in enumerate(numbers):
            picture, metres = lessons.pictures[number], lessons.worth[number]
            if is_mirrored:
                picture = np.array([row[::-1] for row in picture.tolist()])
                fans = [metres[start : start + 25][::-1] for start in (0, 25, 50)]
                metres = np.concatenate([*fans, metres[[76, 75]]])
            # A byte over 255, as float32.
            wanted = picture.astype(np.float32) / np.float32(255)
            np.testing.assert_array_equal(pictures[k, 0].numpy(), wanted)
            np.testing.assert_array_equal(worth[k].numpy(), metres)
    assert seen == {False, True}
    assert len(exercises) == 20


def test_scans_and_columns_are_mirrored_as_pictures_are() -> None:
    scans = drive("forest", teacher, 8, seed=9, rows=8, sensor="range")
    assert scans.pictures.shape == (8, 1, 72)
    lessons, seen = some_lessons(8), set()
    for seed in range(4):
        is_mirrored = np.random.default_rng(seed).random() < 0.5
        seen.add(is_mirrored)
        step = -1 if is_mirrored else 1
        beams, _ = Exercises(scans).take(np.arange(8), np.random.default_rng(seed))
        wanted = scans.pictures[:, :, ::step].astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(beams.numpy()[:, 0], wanted)
        pictures = Exercises(lessons, as_columns)
        columns, _ = pictures.take(np.arange(8), np.random.default_rng(seed))
        assert columns.shape == (8, 36, 1, 96)
        wanted = lessons.pictures[:, :, ::step].astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(columns.numpy()[:, :, 0], wanted)
    assert seen == {False, True}


def test_exercises_have_a_checksum_over_pictures_and_worth() -> None:
    lessons = some_lessons(4)
    found = Exercises(lessons).checksum()
    assert found == Exercises(Lessons(lessons.pictures.copy(), lessons.worth.copy())).checksum()
    for changed in ("pictures", "worth"):
        parts = {name: getattr(lessons, name).copy() for name in ("pictures", "worth")}
        parts[changed].flat[-1] += 1
        assert Exercises(Lessons(**parts)).checksum() != found, changed


def trained(lessons: Lessons) -> tuple[Any, list[dict[str, float]]]:
    torch.manual_seed(0)
    model = steering_net()
    settings = Training(epochs=4, batch=16, lr=0.05)
    return model, train_on(model, Exercises(lessons), settings, STEERING)


def test_a_few_epochs_teach_something_and_the_same_bits_again() -> None:
    lessons = some_lessons(64)
    model, history = trained(lessons)
    assert history[-1]["loss"] < history[0]["loss"] - 0.3
    assert history[-1]["accuracy"] > history[0]["accuracy"]
    again, _ = trained(lessons)
    for name, value in model.state_dict().items():
        assert value.numpy().tobytes() == again.state_dict()[name].numpy().tobytes(), name


def test_a_student_drives_by_what_it_sees_alone() -> None:
    torch.manual_seed(0)
    model, lessons = steering_net().train(), some_lessons(6)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    score = driver(model)
    scores = score(lessons.pictures, lessons.worth)
    np.testing.assert_array_equal(scores, score(lessons.pictures, -lessons.worth))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        wanted = model.eval()(as_input(lessons.pictures)).numpy()
    np.testing.assert_array_equal(scores, wanted)


# The network


def test_the_network_is_the_camera_s_and_the_controller_s() -> None:
    made = ARCHITECTURES["steering"]
    camera = Settings()
    assert made.input_shape == (camera.camera_rows, camera.camera_columns, 1)
    assert made.input_shape == (steering.ROWS, steering.COLUMNS, 1)
    assert made.classes == steering.CHOICES == CHOICES
    model = make_network("steering").eval()
    assert model(torch.zeros(2, 1, 36, 96)).shape == (2, CHOICES)
    # By hand: 8 x 16 + 16 x 72 + 32 x 144 + 40 x 768 + 77 x 40.
    weights = [value.numel() for name, value in model.named_parameters() if value.dim() > 1]
    assert weights == [128, 1152, 4608, 30_720, 3080]


def test_its_width_and_its_classes_can_be_others_and_a_gradient_reaches_all() -> None:
    model = make_network("steering", width=0.25, classes=5).train()
    outputs = model(torch.rand(3, 1, 36, 96, generator=torch.Generator().manual_seed(0)))
    assert outputs.shape == (3, 5)
    assert [len(p) for p in model.parameters() if p.dim() > 1] == [2, 4, 8, 10, 5]
    (outputs * torch.rand(3, 5, generator=torch.Generator().manual_seed(1))).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.abs().sum() > 0), name


# The school


@pytest.fixture
def brains(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, with next to nothing to learn."""
    spec = importlib.util.spec_from_file_location("train_brains", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    tiny: dict[str, Any] = {"epochs": 1, "lr": 0.05, "batch": 16}
    for name, value in {
        "ROUNDS": (64, 32),
        "CALIBRATION": 32,
        "EVERY": 4,
        "FULL": tiny,
        "TUNED": tiny,
        "BINARY": {**tiny, "weight_decay": 0.0},
    }.items():
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(school, "SCENARIOS", ("forest", "corridor"))
    monkeypatch.setattr(school, "SHARES", (0.75, 0.25))
    return module


def test_a_school_goes_on_where_it_was_and_writes_the_same_networks_again(
    brains: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    words = ["fp32", "uniq-1b", "--out", str(tmp_path / "out"), "--weights", str(weights)]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    brains.main()
    first = {path.name: path.read_bytes() for path in weights.iterdir()}
    said = capsys.readouterr().out
    assert set(first) == {"fp32.npz", "uniq-1b.npz"}
    assert "uniq-1b: 24 images: highest score differs on" in said
    kept = {path.name for path in (tmp_path / "out" / "seed-0").iterdir()}
    lessons = {"lessons-0.npz", "lessons-1.npz"}
    assert kept == {*lessons, "fp32-0.pt", "fp32-1.pt", "uniq-1b.pt"}

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("it drove again")

    monkeypatch.setattr(school, "drive", never)
    brains.main()
    assert {path.name: path.read_bytes() for path in weights.iterdir()} == first
    assert capsys.readouterr().out == said
    for name in first:
        assert load(weights / name).input_shape == (36, 96, 1)
        CnnController(str(weights / name))


PUPILS = {
    "camera": Pupil(steering_net),
    "range": Pupil(beams_net, "range"),
    "columns": Pupil(columns_net, reads=as_columns),
}


@pytest.mark.parametrize("name", PUPILS)
def test_each_round_is_driven_by_the_student_of_the_round_before(
    name: str, brains: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pupil, driven = PUPILS[name], list[tuple[Any, str, int, int]]()

    def spy(scenario: str, who: Any, count: int, seed: int, sensor: str) -> Lessons:
        driven.append((who, scenario, count, seed))
        assert sensor == pupil.sensor
        return drive(scenario, who, count, seed, rows=4, sensor=sensor)

    monkeypatch.setattr(school, "drive", spy)
    settings = Training(epochs=1, batch=16, seed=7)
    _, lessons = school.school(pupil, tmp_path, (64, 32), settings)
    assert [call[1:] for call in driven] == [
        ("forest", 48, 700),
        ("corridor", 16, 701),
        ("forest", 24, 100_700),
        ("corridor", 8, 100_701),
    ]
    assert [call[0] is teacher for call in driven] == [True, True, False, False]
    assert len(lessons.pictures) == 96
    assert lessons.pictures.shape[1:] == ((1, 72) if name == "range" else (36, 96))
    own = school.gather(tmp_path / "lessons-1.npz", teacher, 0, 0)
    np.testing.assert_array_equal(own.worth, lessons.worth[64:])

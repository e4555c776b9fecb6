"""The training loop: it learns, it repeats itself bit by bit, and a kill changes nothing."""

import copy
import io
import math
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch, extra 'train'")

from stripes import BATCH, CLASSES, COUNT, EPOCHS, QUICK, plain, quantized, stripes  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from neurobot.quantize import checkpoints, course, quantizers  # noqa: E402
from neurobot.quantize.augmentation import crop_and_flip  # noqa: E402
from neurobot.quantize.checkpoints import load_checkpoint, save_checkpoint  # noqa: E402
from neurobot.quantize.datasets import ArraySplit  # noqa: E402
from neurobot.quantize.examples import Labelled, Tensors, epoch_of, first_inputs  # noqa: E402
from neurobot.quantize.outputs import predict  # noqa: E402
from neurobot.quantize.settings import Settings, find_device, reproducible  # noqa: E402
from neurobot.quantize.training import train, train_on  # noqa: E402

STEPS = EPOCHS * (COUNT // BATCH)
State = dict[str, Any]


def bits_of(model: nn.Module) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


def right(model: nn.Module) -> float:
    images, labels = stripes()
    return float((predict(model, images).argmax(1) == labels).float().mean())


# Learning


@pytest.mark.parametrize("make", [plain, quantized])
def test_it_learns(make: Callable[[], nn.Module]) -> None:
    model = make()
    history = train(model, *stripes(), Settings(epochs=6, batch=10, lr=0.05))
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]
    assert right(model) > 0.95
    assert not model.training


def test_the_history_is_what_the_model_showed_while_it_learned() -> None:
    shown: list[tuple[float, float]] = []

    def loss(outputs: Tensor, targets: tuple[Tensor, ...]) -> Tensor:
        cost = course.cross_entropy(outputs, targets)
        hits = float((outputs.argmax(1) == targets[0]).sum())
        shown.append((float(cost.detach()) * BATCH, hits))
        return cost

    history = train(plain(), *stripes(), QUICK, loss=loss)
    for epoch, row in enumerate(history):
        part = shown[4 * epoch : 4 * epoch + 4]
        assert row["loss"] == pytest.approx(sum(cost for cost, _ in part) / 80, rel=1e-6)
        assert row["accuracy"] == sum(hits for _, hits in part) / 80


class TwoHeads(nn.Module):
    """Chances of the classes, and one number."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = plain(), nn.Linear(CLASSES, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.body(x)
        return logits, self.head(logits)


def test_other_losses_with_several_targets() -> None:
    images, labels = stripes()
    chances = nn.functional.one_hot(labels, CLASSES) * 0.8 + 0.2 / CLASSES
    number = labels.float()[:, None] - 1

    def loss(outputs: Any, targets: tuple[Tensor, ...]) -> Tensor:
        soft = -(targets[0] * torch.log_softmax(outputs[0], 1)).sum(1).mean()
        both: Tensor = soft + (outputs[1] - targets[1]).square().mean()
        return both

    model = TwoHeads()
    settings = Settings(epochs=8, batch=10, lr=0.01)
    history = train(model, images, (chances, number), settings, loss=loss, score=None)
    floor = -float((chances[0] * chances[0].log()).sum())  # the soft targets' own entropy
    assert history[-1]["loss"] - floor < 0.3 * (history[0]["loss"] - floor)
    assert {row["accuracy"] for row in history} == {0.0}


def test_the_learning_rate_is_a_cosine_of_the_step_after_a_constant_warm_up() -> None:
    settings = Settings(lr=0.5, warmup=0.2, warmup_lr=0.01)
    rates = [settings.lr_at(step, 50) for step in range(50)]
    assert rates[:10] == [0.01] * 10
    assert rates[10] == 0.5
    assert rates[30] == pytest.approx(0.25)  # halfway
    assert rates[49] == pytest.approx(0.25 * (1 + math.cos(math.pi * 39 / 40)))
    assert all(a > b for a, b in pairwise(rates[10:]))


def test_every_step_has_the_rate_and_the_progress_of_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[float] = []
    monkeypatch.setattr(course, "set_progress", lambda model, p: seen.append(p))
    rates: list[float] = []
    made = course.start

    def spy(*given: Any) -> Any:
        found = made(*given)
        found.optimizer.register_step_pre_hook(
            lambda optimizer, *_: rates.append(optimizer.param_groups[1]["lr"])
        )
        return found

    monkeypatch.setattr("neurobot.quantize.training.start", spy)
    train(plain(), *stripes(), QUICK)
    assert rates == [QUICK.lr_at(step, STEPS) for step in range(STEPS)]
    assert seen == [step / (STEPS - 1) for step in range(STEPS)]


def test_methods_that_change_with_the_progress_end_at_their_end() -> None:
    model = quantized(mde="forward")
    train(model, *stripes(), QUICK)
    assert {own.progress for own in quantizers(model).values()} == {1.0}


def test_a_methods_penalty_is_part_of_the_loss() -> None:
    without, light, heavy = (
        quantized(mde="loss", loss_weight=weight) for weight in (0.0, 1e-3, 1e3)
    )
    off = quantized(mde="off")
    for model in (without, light, heavy, off):
        train(model, *stripes(), QUICK)
    assert bits_of(without) == bits_of(off)
    assert bits_of(light) != bits_of(off)
    assert bits_of(heavy) != bits_of(light)


def test_steps_stay_positive() -> None:
    model = quantized("uniq", 2)
    train(model, *stripes(), Settings(epochs=2, batch=BATCH, lr=30.0))
    assert all(bool((own.step > 0).all()) for own in quantizers(model).values())


def test_only_weights_decay() -> None:
    model = quantized("lsq")
    before = copy.deepcopy(model.state_dict())
    images, labels = stripes()

    def loss(outputs: Tensor, targets: tuple[Tensor, ...]) -> Tensor:
        return 0 * outputs.sum()

    train(model, images, labels, Settings(epochs=1, batch=30, weight_decay=0.1), loss=loss)
    for name, value in model.named_parameters():
        moved = not torch.equal(value, before[name])
        assert moved == (value.dim() > 1), name


def test_binary_weights_by_uniq_allow_no_decay_unless_it_is_forced() -> None:
    model = quantized("uniq", 1)
    with pytest.raises(ValueError, match=r"4\.weight_quantizer: 1 bit by uniq with weight_decay="):
        train(model, *stripes(), Settings(weight_decay=5e-4))
    train(model, *stripes(), Settings(epochs=1, weight_decay=5e-4, binary_decay=True))
    train(quantized("uniq", 1), *stripes(), Settings(epochs=1, weight_decay=0.0))
    train(quantized("uniq", 2), *stripes(), Settings(epochs=1, weight_decay=5e-4))


# Order


def numbers(seed: int, epoch: int, first: int = 0) -> list[list[int]]:
    examples = Tensors(torch.arange(COUNT).float(), (torch.arange(COUNT),))
    found = epoch_of(examples, BATCH, seed, epoch, first)
    return [[int(i) for i in targets[0]] for _, targets in found]


def test_the_order_follows_from_seed_and_epoch() -> None:
    whole = numbers(3, 1)
    assert [len(batch) for batch in whole] == [BATCH] * 4
    assert len({i for batch in whole for i in batch}) == 4 * BATCH, "an example came twice"
    assert numbers(3, 1) == whole
    assert numbers(3, 1, 2) == whole[2:]
    assert numbers(3, 2) != whole
    assert numbers(4, 1) != whole


def test_fewer_examples_than_a_batch_are_one_batch() -> None:
    examples = Tensors(torch.arange(3).float(), (torch.arange(3),))
    (batch,) = epoch_of(examples, 8, 0, 0)
    assert sorted(batch[1][0].tolist()) == [0, 1, 2]


def test_augmentation_follows_from_seed_and_epoch_however_far_it_has_got() -> None:
    images, labels = stripes()
    split = ArraySplit(images.numpy().transpose(0, 2, 3, 1), labels.numpy(), crop_and_flip)
    examples = Labelled(split)
    whole = [inputs for inputs, _ in epoch_of(examples, BATCH, 0, 1)]
    rest = [inputs for inputs, _ in epoch_of(examples, BATCH, 0, 1, 2)]
    assert all(torch.equal(a, b) for a, b in zip(whole[2:], rest, strict=True))
    again = first_inputs(examples, BATCH, 2, 0)
    assert not torch.equal(again[0], whole[0])
    assert len(again) == 2


def test_bytes_are_read_as_code_over_255() -> None:
    images, labels = stripes()
    (inputs, _), *_ = epoch_of(Tensors(images, (labels,)), COUNT, 0, 0)
    order = np.random.default_rng((0, 0)).permutation(COUNT)
    expected = images.numpy()[order].astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(inputs.numpy(), expected)


@pytest.mark.parametrize(("inputs", "targets"), [(0, (0,)), (3, (2,)), (3, ()), (3, (3, 4))])
def test_examples_without_a_target_each_are_refused(inputs: int, targets: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"examples: {inputs} inputs and"):
        Tensors(torch.zeros(inputs), tuple(torch.zeros(count) for count in targets))


# Repetition


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    first, second, other = quantized(), quantized(), quantized()
    train(first, *stripes(), QUICK)
    torch.manual_seed(99)  # whatever else draws must not matter
    train(second, *stripes(), QUICK)
    train(other, *stripes(), Settings(epochs=EPOCHS, batch=BATCH, lr=0.1, seed=6))
    assert bits_of(first) == bits_of(second)
    assert bits_of(first) != bits_of(other)


def test_the_state_of_pytorch_is_left_as_it_was() -> None:
    before = torch.get_rng_state(), torch.get_num_threads()
    with reproducible(Settings(threads=before[1] + 1)):
        assert torch.get_num_threads() == before[1] + 1
        assert torch.are_deterministic_algorithms_enabled()
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]
    assert not torch.are_deterministic_algorithms_enabled()


def stopper(step: int) -> Callable[..., None]:
    def watch(done: int, total: int, row: dict[str, float]) -> None:
        if done == step:
            raise KeyboardInterrupt

    return watch


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 7, 9, STEPS - 1, STEPS])
def test_a_training_stopped_anywhere_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr("neurobot.quantize.training.WATCHED", 1)
    images, labels = stripes()
    examples, kept = Tensors(images, (labels,)), tmp_path / "kept.pt"
    whole, half, rest = quantized(), quantized(), quantized()
    expected = train_on(whole, examples, QUICK)
    with pytest.raises(KeyboardInterrupt):
        train_on(half, examples, QUICK, kept=kept, every=3, watch=stopper(step))
    # What was learned since the last checkpoint is lost with the stop.
    last = max([0, *(s for s in range(1, step) if s % 3 == 0 or s % (STEPS // EPOCHS) == 0)])
    assert (load_checkpoint(kept)["step"] if kept.exists() else 0) == last
    assert train_on(rest, examples, QUICK, kept=kept, every=3) == expected
    assert bits_of(rest) == bits_of(whole)


def test_a_training_that_has_ended_is_only_read(tmp_path: Path) -> None:
    kept, first, second = tmp_path / "kept.pt", plain(), plain()
    expected = train(first, *stripes(), QUICK, kept=kept)
    written = kept.read_bytes()
    assert train(second, *stripes(), QUICK, kept=kept) == expected
    assert bits_of(second) == bits_of(first)
    assert kept.read_bytes() == written


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from stripes import QUICK, quantized, stripes
from neurobot.quantize.training import train
train(quantized(), *stripes(), QUICK, kept=Path(sys.argv[2]),
      watch=lambda *_: (print("step", flush=True), time.sleep(0.2)))
"""


def test_a_training_killed_for_real_resumes_to_the_same_bits(tmp_path: Path) -> None:
    kept = tmp_path / "kept.pt"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(kept)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 300
        while not kept.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert 0 < load_checkpoint(kept)["step"] < STEPS, "it was not killed on its way"
    whole, rest = quantized(), quantized()
    expected = train(whole, *stripes(), QUICK)
    assert train(rest, *stripes(), QUICK, kept=kept) == expected
    assert bits_of(rest) == bits_of(whole)


# Checkpoints


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "kept.pt"
    train(plain(), *stripes(), QUICK, kept=path)
    return path


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept.read_bytes()

    def full_disk(parts: State, file: Any) -> None:
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(kept, {})
    assert kept.read_bytes() == before
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def test_a_checkpoint_appears_all_at_once(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept.read_bytes()
    replace: Any = os.replace
    replaced: list[Path] = []

    def spy(source: Path, target: Path) -> None:
        assert target.read_bytes() == before
        assert load_checkpoint(source)["step"] == 7
        replace(source, target)
        replaced.append(target)

    monkeypatch.setattr(os, "replace", spy)
    save_checkpoint(kept, {**load_checkpoint(kept), "step": 7})
    assert load_checkpoint(kept)["step"] == 7
    assert replaced == [kept]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 0.9999])
def test_a_checkpoint_that_is_cut_off_is_refused(kept: Path, share: float) -> None:
    content = kept.read_bytes()
    kept.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"kept\.pt: no checkpoint of a training"):
        train(plain(), *stripes(), QUICK, kept=kept)


def test_a_changed_bit_is_noticed(kept: Path) -> None:
    with zipfile.ZipFile(kept) as archive:
        inside = max(archive.infolist(), key=lambda info: info.file_size)
    content = bytearray(kept.read_bytes())
    content[inside.header_offset + 200 + inside.file_size // 2] ^= 1
    kept.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"kept\.pt: damaged"):
        load_checkpoint(kept)


class Trap:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, ("trapped",)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"version": 1, "model": Trap()}, "trap.pt")
    Path("pickle.pt").write_bytes(pickle.dumps(Trap()))
    for name in ("trap.pt", "pickle.pt"):
        with pytest.raises(ValueError, match=f"{name}: no checkpoint of a training"):
            load_checkpoint(Path(name))
    assert not Path("trapped").exists()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, step=np.zeros(3))
    return file.getvalue()


FOREIGN: dict[str, Callable[[Path], Any]] = {
    "text": lambda path: path.write_text("once upon a time"),
    "npz": lambda path: path.write_bytes(npz()),
    "list": lambda path: torch.save([1, 2, 3], path),
    "weights": lambda path: torch.save(plain().state_dict(), path),
    "no optimizer": lambda path: torch.save({"version": 1, "identity": {}, "model": {}}, path),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.pt"
    FOREIGN[kind](path)
    with pytest.raises(ValueError, match=r"x\.pt: no checkpoint of a training") as refusal:
        load_checkpoint(path)
    assert "\n" not in str(refusal.value)


def test_other_versions_are_refused(kept: Path) -> None:
    torch.save({**load_checkpoint(kept), "version": 2}, kept)
    with pytest.raises(ValueError, match=r"kept\.pt: version 2 found, 1 is read here"):
        load_checkpoint(kept)


def test_another_training_is_refused_with_what_differs(kept: Path) -> None:
    images, labels = stripes()
    others: dict[str, tuple[nn.Module, tuple[Tensor, Tensor], Settings]] = {
        "lr=0.1 is kept there, lr=0.2": (
            plain(), (images, labels), Settings(epochs=EPOCHS, batch=BATCH, lr=0.2, seed=5)
        ),
        "lr=0.1 is kept there, lr=0.3": (
            plain(2), (images, labels), Settings(epochs=EPOCHS, batch=BATCH, lr=0.3, seed=5)
        ),
        "examples=": (plain(), (images, labels.flip(0)), QUICK),
        "first_weights=": (plain(2), (images, labels), QUICK),
    }  # fmt: skip
    before = kept.read_bytes()
    for sentence, (model, pairs, settings) in others.items():
        with pytest.raises(ValueError, match=f"kept.pt: a training with {sentence}"):
            train(model, *pairs, settings, kept=kept)
    assert kept.read_bytes() == before


def test_weights_of_another_network_are_refused(kept: Path) -> None:
    with pytest.raises(ValueError, match=r"kept\.pt: weights of another network: Missing key"):
        checkpoints.load_weights(kept, nn.Linear(2, 2), load_checkpoint(kept)["model"])


def test_a_loss_that_is_no_number_ends_it_and_keeps_what_was_before(tmp_path: Path) -> None:
    kept = tmp_path / "kept.pt"
    calls = iter(range(100))

    def loss(outputs: Tensor, targets: tuple[Tensor, ...]) -> Tensor:
        return outputs.sum() * (math.nan if next(calls) == 5 else 1e-3)

    with pytest.raises(ValueError, match=r"training: a loss of nan found by step 8 with lr=0.1"):
        train(plain(), *stripes(), QUICK, loss=loss, kept=kept)
    parts = load_checkpoint(kept)
    assert parts["step"] == 4
    assert all(bool(torch.isfinite(v).all()) for v in parts["model"].values())


# Settings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": 0}, "epochs=0 must be 1 or more"),
        ({"batch": -1}, "batch=-1 must be 1 or more"),
        ({"threads": 0}, "threads=0 must be 1 or more"),
        ({"lr": 0.0}, "lr=0.0 must be a number above 0"),
        ({"lr": math.nan}, "lr=nan must be a number above 0"),
        ({"warmup": 1.0}, "warmup=1.0 must be 0 or more, and below 1"),
        ({"weight_decay": -1e-4}, "weight_decay=-0.0001 must be 0 or more"),
        ({"seed": -1}, "seed=-1 must be 0 or more"),
        ({"momentum": 0.0}, "nesterov=True needs a momentum above 0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Settings(**settings)


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [find_device(name) for name in ("auto", "cpu")] == ["cpu", "cpu"]
    with pytest.raises(ValueError, match="device 'cuda': PyTorch finds no GPU here"):
        find_device("cuda")
    with pytest.raises(ValueError, match="device 'tpu' is not known"):
        find_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [find_device(name) for name in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]

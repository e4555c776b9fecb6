"""Networks on arrays: from a plain one to a trained one, and to a network of integers."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are trained with PyTorch, of the extra 'train'")

from column_layers import LSQ, uniform  # noqa: E402
from normed import noise, planes, shaken  # noqa: E402
from torch import nn  # noqa: E402

from neurobot import qnet  # noqa: E402
from neurobot.qnet import ENCODINGS  # noqa: E402
from neurobot.qnet.column_reference import reference  # noqa: E402
from neurobot.quantize import (  # noqa: E402
    ColumnConv2d,
    ColumnLinear,
    Columns,
    convert,
    fuse,
    make_method,
)
from neurobot.quantize.column import ColumnLayer  # noqa: E402
from neurobot.quantize.column_converters import converters  # noqa: E402
from neurobot.quantize.datasets import ArraySplit, Dataset  # noqa: E402
from neurobot.quantize.emit_columns import inexactness  # noqa: E402
from neurobot.quantize.export import compare, export  # noqa: E402
from neurobot.quantize.jobs import Form, Job  # noqa: E402
from neurobot.quantize.outputs import predict  # noqa: E402
from neurobot.quantize.training import Settings, train  # noqa: E402
from neurobot.quantize.watching import settle_norms  # noqa: E402

Tensor = Any
SMALL = Columns(rows=40, columns=16, adc_bits=3, encoding="differential")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # small tensors; more threads wait for each other
    yield
    torch.set_num_threads(before)


class Mixed(nn.Module):
    """Images (N, 1, 8, 8): a bias, strides, a pool, and two linear layers on a flattened map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.conv = nn.Conv2d(6, 9, 3, padding="same", bias=False)
        self.norm, self.pool = nn.BatchNorm2d(9), nn.MaxPool2d((1, 2))
        self.down = nn.Conv2d(9, 7, (3, 2), stride=(1, 2), padding=(1, 0))
        self.dense = nn.Linear(7 * 16, 10)
        self.fc = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stem(x).relu())
        x = self.down(self.norm(self.conv(x)).relu()).relu()
        y: Tensor = self.fc(self.dense(x.flatten(1)).relu())
        return y


IMAGES = noise(40, 8, 8, 1)


def fresh(seed: int = 0) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Mixed()


def mixed(seed: int = 0) -> Any:
    made = shaken(fresh(seed), seed)
    made.fc.bias.data -= made(planes(IMAGES)).mean(0).detach()  # for answers of all classes
    return made


def on_arrays(columns: Columns = SMALL, **more: Any) -> Any:
    return convert(mixed(), LSQ, 4, planes(IMAGES), columns=columns, **more).eval()


def test_inner_layers_lie_on_arrays_and_no_others() -> None:
    found = {name: type(m) for name, m in on_arrays().named_modules() if isinstance(m, ColumnLayer)}
    assert found == {"conv": ColumnConv2d, "down": ColumnConv2d, "dense": ColumnLinear}
    chosen = on_arrays(layer_bits={"conv": 8, "dense": None})
    assert [n for n, m in chosen.named_modules() if isinstance(m, ColumnLayer)] == ["down"]
    assert chosen.conv.weight_quantizer.grid.bits == 8
    ideal = on_arrays(replace(SMALL, adc_bits=None))
    assert isinstance(ideal.conv, ColumnConv2d)
    assert not converters(ideal)
    names = [name for name, _ in ideal.conv.named_parameters()]
    assert names == ["weight", "input_quantizer.step", "weight_quantizer.step"]


def test_a_copy_and_a_checkpoint_compute_the_same() -> None:
    model, other = on_arrays(), convert(mixed(1), LSQ, 4, planes(IMAGES[:3]), columns=SMALL)
    images = planes(noise(5, 8, 8, 1, seed=1))
    expected = predict(model, images)
    assert torch.equal(predict(copy.deepcopy(model), images), expected)
    assert not torch.equal(predict(other, images), expected)
    other.load_state_dict(model.state_dict())
    assert torch.equal(predict(other, images), expected)
    kept = {name for name in model.state_dict() if name.startswith("conv.converters")}
    assert kept == {f"conv.converters.{name}" for name in ("relative", "first", "mean")}


def test_ideal_converters_make_plain_layers() -> None:
    one_step = replace(SMALL, adc_bits=None, weight_steps="layer")
    images = planes(noise(5, 8, 8, 1, seed=1))
    plain = convert(mixed(), LSQ, 4, planes(IMAGES)).eval()
    assert torch.equal(predict(on_arrays(one_step), images), predict(plain, images))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_enough_bits_answer_as_the_network_without_converters(encoding: str) -> None:
    images = noise(200, 8, 8, 1, seed=2)
    exact = on_arrays(replace(SMALL, adc_bits=13, encoding=encoding))
    ideal = on_arrays(replace(SMALL, adc_bits=None, encoding=encoding))
    assert all(bool(own.exact.all()) for own in converters(exact).values())
    answers = [predict(model, planes(images)).argmax(1).numpy() for model in (exact, ideal)]
    networks = [export(model, (8, 8, 1)) for model in (exact, ideal)]
    answers += [qnet.forward(network, images).argmax(1) for network in networks]
    assert len(np.unique(answers[0])) == 3
    for other in answers[1:]:
        np.testing.assert_array_equal(other, answers[0])


# Batch norms that no batch has moved


def test_a_network_that_was_never_trained_is_calibrated_as_in_training() -> None:
    plain, pictures = mixed(), uniform(20, 1, 8, 8)
    plain.norm.reset_running_stats()
    settled: Any = copy.deepcopy(plain)
    settle_norms(settled, pictures)
    sums = settled.conv(settled.pool(settled.stem(pictures).relu())).detach()
    norm = settled.norm
    torch.testing.assert_close(norm.running_mean, sums.mean((0, 2, 3)), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(norm.running_var, sums.var((0, 2, 3)), rtol=1e-4, atol=1e-6)
    assert norm.momentum == 0.1
    assert not norm.training
    converted: Any = convert(plain, LSQ, 4, pictures, columns=SMALL)
    assert torch.equal(converted.norm.running_mean, norm.running_mean)
    assert not plain.norm.running_mean.any(), "the network itself must stay as it is"
    digital: Any = convert(plain, LSQ, 4, pictures)
    assert not digital.norm.running_mean.any(), "without arrays all is as it was"


def test_batch_norms_with_statistics_keep_them() -> None:
    trained = mixed()
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    settle_norms(trained, uniform(20, 1, 8, 8))
    assert all(torch.equal(value, before[name]) for name, value in trained.state_dict().items())


# Training


@pytest.mark.parametrize("bits", [1, 3])
def test_one_stage_from_scratch_learns_through_converters(bits: int) -> None:
    labels = torch.arange(240) % 3
    images = 0.3 * uniform(240, 1, 8, 8)
    for k in range(3):
        images[labels == k, :, 2 * k : 2 * k + 3] += 0.5
    made = convert(fresh(), LSQ, 4, images, columns=replace(SMALL, adc_bits=bits))
    first = {name: own.step.clone() for name, own in converters(made).items()}
    history = train(made, images, labels, Settings(epochs=5, batch=16, lr=0.05))
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert (predict(made, images).argmax(1) == labels).float().mean() > 0.9
    for name, own in converters(made).items():
        assert not torch.equal(own.step, first[name])
        assert bool(((own.step > 0.999) & (own.step < 1.001 * own.widest)).all())


@pytest.mark.parametrize("method", ["llsq", "lglsq"])
def test_weights_on_arrays_learn_by_the_rules_of_other_methods(method: str) -> None:
    made: Any = convert(mixed(), make_method(method), 4, planes(IMAGES), columns=SMALL)
    before = made.conv.weight.detach().clone()
    settings = Settings(epochs=1, batch=20, lr=0.01)
    (row,) = train(made, planes(IMAGES), torch.arange(len(IMAGES)) % 3, settings)
    assert np.isfinite(row["loss"])
    assert bool((made.conv.weight != before).any(dim=(1, 2, 3)).all())


def test_a_job_trains_a_form_on_arrays_from_scratch() -> None:
    images = noise(64, 28, 28, 1)
    split = ArraySplit(images, np.arange(64, dtype=np.int64) % 10)
    job = Job("array_cnn", "noise", Dataset("noise", tuple("0123456789"), split, split, split))
    form = Form("lsq", 4, columns=replace(SMALL, weight_steps="array"))
    settings = Settings(epochs=1, batch=16, lr=0.02)
    made = job.quantized(job.fresh(0), form, settings)
    first = {name: own.mean.clone() for name, own in converters(made).items()}
    assert len(first) == 2
    trained = job.train_form(made, form, settings)
    assert all(not torch.equal(own.mean, first[n]) for n, own in converters(trained).items())
    network = job.exported(trained, form)
    assert sum(isinstance(layer, qnet.ColumnConv) for layer in network.layers) == 2
    assert compare(trained, network, images[:8]).unexplained == 0


# Networks of integers


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("bits", "dac_bits", "steps"),
    [
        (1, None, "column"),
        (3, None, "layer"),
        (4, 1, "array"),
        (None, 3, "column"),
        (12, 2, "array"),
    ],
)
def test_every_code_of_an_exported_network_is_that_of_training(
    encoding: str, bits: int | None, dac_bits: int | None, steps: str
) -> None:
    columns = Columns(40, 16, 2, encoding, dac_bits, bits, steps, steps)
    model = on_arrays(columns, per_channel=True)
    network = export(model, (8, 8, 1))
    kinds = {layer.name: type(layer) for layer in network.convs}
    assert kinds == {
        "stem": qnet.Conv,
        "conv": qnet.ColumnConv,
        "down": qnet.ColumnConv,
        "dense": qnet.ColumnConv,
        "fc": qnet.Conv,
    }
    for layer in network.convs:
        if isinstance(layer, qnet.ColumnConv):
            assert (layer.rows, layer.cell_bits, layer.encoding) == (40, 2, encoding)
            assert (layer.adc_bits, layer.dac_bits) == (bits, dac_bits or 8)
            assert layer.flat == (layer.name == "dense")
    found = compare(model, network, IMAGES)
    assert found.unexplained == found.argmax_unexplained == 0, found
    assert found.apart <= 1e-3 * found.codes
    assert found.farthest <= found.allowed < 0.01


def changed(network: qnet.Network, name: str, **values: Any) -> qnet.Network:
    layers: list[Any] = list(network.layers)
    place = [layer.name for layer in layers].index(name)
    layers[place] = replace(layers[place], **values)
    return qnet.Network(
        input_shape=network.input_shape, layers=tuple(layers), output_scale=network.output_scale
    )


def test_wrong_constants_are_noticed_where_they_arise() -> None:
    model = on_arrays()
    network = export(model, (8, 8, 1))
    conv: Any = next(layer for layer in network.layers if layer.name == "conv")
    for values in (
        {"adc_step": conv.adc_step * np.float32(1.01)},
        {"adc_offset": conv.adc_offset + np.float32(0.6)},
        {"steps": conv.steps * np.float32(1.001)},
        {"adc_bits": 4},
    ):
        assert compare(model, changed(network, "conv", **values), IMAGES).unexplained > 0, values


def test_merged_constants_are_rounded_by_as_little_as_is_allowed() -> None:
    model = on_arrays()
    network = export(model, (8, 8, 1))
    for conv in network.convs:
        if isinstance(conv, qnet.ColumnConv):
            trained: Any = model.get_submodule(conv.name)
            factors = conv.steps / trained.weight_quantizer.steps.double().numpy()
            assert not (np.log2(factors) % 1).any(), "steps are not those of training to the bit"
            source = network.signals[conv.inputs[0]]
            off = inexactness(conv, source)
            assert off.shape == (len(conv.weights),)
            assert (off < 16).all(), "of 4096, which is a weight's step or less"
            top = conv.steps.max(0)
            assert ((top >= 4096) & (top < 8192)).all()
            runner = qnet.Runner(network)
            for image in IMAGES[:10]:
                runner(image)
                given = runner.maps[conv.inputs[0]]
                exact = reference(conv, given, source.bits)
                assert (np.abs(runner.maps[conv.name] - exact) <= off).all()


# Forms, and what is refused


def test_a_form_is_kept_with_its_arrays_only_if_it_has_any() -> None:
    assert "columns" not in Form("lsq", 4).identity
    identity = Form("lsq", 4, columns=SMALL).identity
    assert identity["columns"] == {
        "rows": 40,
        "columns": 16,
        "cell_bits": 2,
        "encoding": "differential",
        "dac_bits": None,
        "adc_bits": 3,
        "weight_steps": "column",
        "adc_steps": "column",
    }
    with pytest.raises(ValueError, match="form: columns and fused=True found"):
        Form("lsq", 4, columns=SMALL, fused=True)


class Chain(nn.Module):
    def __init__(self, middle: nn.Module, *, clips: bool = True) -> None:
        super().__init__()
        self.stem, self.middle, self.fc = nn.Conv2d(1, 4, 3), middle, nn.Conv2d(4, 3, 1)
        self.clip = nn.ReLU() if clips else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc(self.middle(self.clip(self.stem(x))).relu())
        return y


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize(
    ("network", "method", "sentence"),
    [
        (Chain(nn.Conv2d(4, 4, 3, groups=2)), "lsq", r"middle: 2 groups found; allowed on arrays:"),
        (Chain(nn.Conv2d(4, 4, 2, dilation=2)), "lsq", r"middle: a dilation found"),
        (Chain(nn.Conv2d(4, 4, 2, padding="same")), "lsq", r"middle: padding 'same' of an even"),
        (Chain(nn.Conv2d(4, 4, 3), clips=False), "lsq", r"middle: inputs below 0 found"),
        (Chain(nn.Conv2d(4, 4, 3)), "uniq", r"middle: weights on a grid without a zero found"),
        (Chain(nn.Identity()), "lsq", r"model: no layer between the first and the last one found"),
        (Chain(nn.Conv2d(4, 4, 5)), "lsq", r"middle: a kernel of 5 x 5 needs 25 rows, an array h"),
    ],
)
def test_layers_that_cannot_lie_on_arrays_are_refused(
    network: Any, method: str, sentence: str
) -> None:
    columns = replace(SMALL, rows=20)
    with pytest.raises(ValueError, match=sentence):
        convert(network, make_method(method), 4, planes(IMAGES), columns=columns)


def test_fused_batch_norms_cannot_lie_on_arrays() -> None:
    network = nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
        nn.Conv2d(4, 3, 1),
    ).eval()
    fused = fuse(network, planes(IMAGES))
    with pytest.raises(ValueError, match=r"3: a fused batch norm found"):
        convert(fused, LSQ, 4, planes(IMAGES), columns=SMALL)

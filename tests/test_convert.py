"""One call from a plain network to a quantized one, and what a training loop asks of it."""

import copy
from functools import partial
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

from neurobot.quantize import (  # noqa: E402
    METHODS,
    Add,
    GlobalAvgPool,
    Pixels,
    QuantAdd,
    QuantConv2d,
    QuantGlobalAvgPool,
    Quantizer,
    QuantLinear,
    binary_rules,
    calibrate,
    convert,
    keep_steps_positive,
    make_method,
    parameter_groups,
    penalty,
    quantizers,
    set_progress,
)
from neurobot.quantize.grids import signed  # noqa: E402

Tensor = Any
LSQ = make_method("lsq")


class Block(nn.Module):
    """A residual block with a linear (signed) bottleneck and a downsampling shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.downsample = nn.Conv2d(6, 8, 1, stride=2)
        self.add = Add()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.add(self.conv2(self.bn(self.conv1(x))), self.downsample(x))
        return y


class Net(nn.Module):
    """Modules in another order than they are called in, nested, and one that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.ModuleDict({"fc": nn.Linear(8, 3)})
        self.pool = GlobalAvgPool()
        self.block = Block()
        self.relu = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.twice = nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.block(self.stem(x).relu_()))
        x = self.pool(self.twice(self.twice(x).relu()).relu_())
        y: Tensor = self.head["fc"](x.flatten(1))
        return y


def images(count: int = 5, seed: int = 0) -> Tensor:
    draw = torch.randint(0, 256, (count, 1, 8, 8), generator=torch.Generator().manual_seed(seed))
    return draw.float() / 255


def net(seed: int = 0) -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Net()


def names_of(kind: Any, model: nn.Module) -> set[str]:
    return {name for name, module in model.named_modules() if isinstance(module, kind)}


def layer(model: nn.Module, name: str) -> Any:
    return model.get_submodule(name)


def grid_of(model: nn.Module, name: str) -> tuple[float, float]:
    grid = layer(model, name).grid
    return grid.bottom, grid.top


def test_every_layer_is_replaced_and_gets_its_bits() -> None:
    made = convert(net(), LSQ, 3, images())
    assert names_of(QuantConv2d, made) == names_of(nn.Conv2d, net())
    assert names_of(QuantLinear, made) == {"head.fc"}
    assert names_of(QuantAdd, made) == {"block.add"}
    assert names_of(QuantGlobalAvgPool, made) == {"pool"}
    assert names_of(Pixels, made) == {"stem.input_quantizer"}
    expected = {
        "stem.weight_quantizer": (-128, 127),
        "block.conv1.input_quantizer": (0, 7),
        "block.conv1.weight_quantizer": (-4, 3),
        "block.conv2.input_quantizer": (-4, 3),
        "block.conv2.weight_quantizer": (-4, 3),
        "block.downsample.input_quantizer": (0, 7),
        "block.downsample.weight_quantizer": (-4, 3),
        "block.add.input_quantizer": (-128, 127),
        "twice.input_quantizer": (0, 7),
        "twice.weight_quantizer": (-4, 3),
        "pool.input_quantizer": (0, 255),
        "head.fc.input_quantizer": (0, 255),
        "head.fc.weight_quantizer": (-128, 127),
    }
    assert {name: grid_of(made, name) for name in quantizers(made)} == expected


def test_the_original_and_the_generator_of_chance_stay_as_they_were() -> None:
    plain = net()
    before, chance = copy.deepcopy(plain.state_dict()), torch.get_rng_state()
    plain.block.bn.eval()
    made = convert(plain, LSQ, 3, images())
    assert torch.equal(torch.get_rng_state(), chance)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, before[name]), name
        assert torch.equal(value, made.state_dict()[name]), f"{name} has another name or value"
    for model in (plain, made):
        assert all(not m._forward_pre_hooks for m in model.modules())
        modes = {name: m.training for name, m in model.named_modules() if not m.training}
        assert modes == {"block.bn": False}
    made.get_parameter("stem.weight").data.zero_()
    assert plain.stem.weight.any()


def test_full_precision_everywhere_changes_nothing() -> None:
    plain = net().eval()
    made = convert(plain, LSQ, 3, images(), layer_bits=dict.fromkeys(names_of(nn.Module, plain)))
    assert torch.equal(made(images()), plain(images()))
    assert not quantizers(made)


def test_more_bits_come_closer_to_full_precision() -> None:
    plain, x = net().eval(), images()
    for name in ("lsq", "uniq", "lglsq"):
        gaps = [
            (convert(plain, make_method(name), bits, x)(x) - plain(x)).abs().max().item()
            for bits in (2, 4, 8)
        ]
        assert gaps[0] > gaps[1] > gaps[2] > 0, name


def test_steps_are_calibrated_on_what_the_plain_network_computes() -> None:
    plain, x = net().eval(), images()
    made = convert(plain, make_method("uniq"), 3, x)
    read: dict[str, list[Any]] = {}
    for name, module in plain.named_modules():
        module.register_forward_pre_hook(
            lambda _, inputs, name=name: read.setdefault(name, []).append(inputs)
        )
    plain(x.clone())
    own = Quantizer(
        make_method("uniq"), layer(made, "block.conv1.input_quantizer").grid, weights=False
    )
    own.calibrate(read["block.conv1"][0][0])
    assert torch.equal(own.step, layer(made, "block.conv1.input_quantizer").step)
    pair = torch.cat([side.reshape(-1) for side in read["block.add"][0]])
    own = Quantizer(
        make_method("uniq"), layer(made, "block.add.input_quantizer").grid, weights=False
    )
    own.calibrate(pair)
    assert torch.equal(own.step, layer(made, "block.add.input_quantizer").step)
    assert int(layer(made, "twice.input_quantizer").batches) == 2


def test_calibration_over_batches_starts_anew_and_takes_the_largest() -> None:
    made = convert(net(), make_method("uniq"), 3, 0.01 * images())
    name = "block.conv1.input_quantizer"
    steps = []
    for batches in ([images()], [0.1 * images(seed=1)], [images(), 0.1 * images(seed=1)]):
        calibrate(made, batches)
        steps.append(layer(made, name).step.item())
    assert steps[2] == steps[0] > steps[1]
    weights = layer(made, "twice.weight_quantizer")
    assert int(weights.batches) == 1, "steps of weights stay"
    assert not any(own.observing for own in quantizers(made).values())


@pytest.mark.parametrize("name", list(METHODS))
def test_a_short_training_moves_everything_and_keeps_steps_positive(name: str) -> None:
    made = convert(net(), make_method(name), 2, images()).train()
    groups = parameter_groups(made, 1e-4)
    optimizer = torch.optim.SGD(groups, lr=0.5, momentum=0.9)
    before = {name: p.detach().clone() for name, p in made.named_parameters()}
    for step in range(4):
        set_progress(made, step / 3)
        optimizer.zero_grad()
        loss = (made(images(seed=step)) ** 2).mean() * 100 + penalty(made)
        loss.backward()
        optimizer.step()
        keep_steps_positive(made)
        for own in quantizers(made).values():
            assert bool((own.step >= 1e-4 * own.initial).all())
            assert bool((own.step > 0).all())
    still = {key for key, p in made.named_parameters() if torch.equal(p, before[key])}
    steps = {f"{key}.step" for key in quantizers(made)}
    assert not still - steps
    assert len(still) < len(steps) if name == "llsq" else not still, (
        "LLSQ keeps a step that is best"
    )


def test_copies_and_checkpoints_carry_steps_and_calibration() -> None:
    for name in METHODS:
        method = make_method(name)
        made = convert(net(), method, 3, images(), per_channel=True).eval()
        made.get_parameter("twice.input_quantizer.step").data.mul_(1.5)
        fresh = convert(net(1), method, 3, images(seed=3), per_channel=True).eval()
        assert not torch.equal(fresh(images()), made(images()))
        fresh.load_state_dict(made.state_dict())
        twin = copy.deepcopy(made)
        for model in (fresh, twin):
            assert torch.equal(model(images()), made(images()))
        twin.get_parameter("twice.input_quantizer.step").data.mul_(2)
        assert not torch.equal(twin(images()), made(images()))
        state = made.state_dict()
        assert {"twice.input_quantizer.batches", "twice.input_quantizer.initial"} <= set(state)


def test_steps_per_channel() -> None:
    for name, edges in (("lsq", (6, 3)), ("uniq", (1, 1))):
        made = convert(net(), make_method(name), 3, images(), per_channel=True)
        sizes = {n: own.step.numel() for n, own in quantizers(made).items() if own.weights}
        assert (sizes.pop("stem.weight_quantizer"), sizes.pop("head.fc.weight_quantizer")) == edges
        assert set(sizes.values()) == {8}, name
        made(images()).sum().backward()
        for own in quantizers(made).values():
            assert own.step.grad is not None
            assert own.step.grad.shape == own.step.shape


def test_layer_bits_are_stronger_than_edges() -> None:
    chosen = {"stem": 2, "twice": None, "pool": None, "block.add": 4}
    made = convert(net(), LSQ, 3, images(), layer_bits=chosen, edge_bits=None)
    assert grid_of(made, "stem.weight_quantizer") == (-2, 1)
    assert grid_of(made, "block.add.input_quantizer") == (-8, 7)
    for name in ("twice", "head.fc"):
        assert layer(made, name).weight_quantizer is layer(made, name).input_quantizer is None
    assert layer(made, "pool").input_quantizer is None


def test_inputs_that_are_no_pixels() -> None:
    normalized = 4 * images() - 2
    with pytest.raises(ValueError, match=r"stem: .*pixels=False"):
        convert(net(), LSQ, 3, normalized)
    made = convert(net(), LSQ, 3, normalized, pixels=False)
    assert grid_of(made, "stem.input_quantizer") == (-128, 127)
    made = convert(net(), make_method("uniq"), 1, normalized, pixels=False)
    assert grid_of(made, "stem.input_quantizer") == (-127.5, 127.5)
    assert grid_of(made, "twice.input_quantizer") == (0, 1)
    made = convert(net(), make_method("uniq", unsigned_quirk=True), 3, images())
    assert grid_of(made, "block.conv2.input_quantizer") == (0, 7)
    assert grid_of(made, "block.add.input_quantizer") == (-127.5, 127.5), "a sum keeps its sign"


def test_a_sum_has_a_sign_even_where_its_inputs_have_none() -> None:
    class Doubled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.add = nn.Conv2d(1, 2, 1), Add()

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x).relu()
            return self.add(y, b=y)

    for name, ends in (("lsq", (-128, 127)), ("uniq", (-127.5, 127.5))):
        made = convert(Doubled(), make_method(name), 3, images())
        assert grid_of(made, "add.input_quantizer") == ends


def test_the_binary_rules_of_uniq() -> None:
    plain = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        Block(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )
    rules = binary_rules(plain)
    assert rules == dict.fromkeys(["0", "2.downsample", "2.add", "3", "5"])
    made = convert(plain, make_method("uniq"), 1, images(), layer_bits=rules)
    assert set(quantizers(made)) == {
        f"2.{conv}.{kind}_quantizer" for conv in ("conv1", "conv2") for kind in ("input", "weight")
    }
    own = layer(made, "2.conv1")
    assert len(own.weight_quantizer(own.weight).unique()) == 2


def test_pools_of_pytorch_are_replaced_if_they_are_global() -> None:
    for size, replaced in ((1, True), ((1, 1), True), (2, False)):
        plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(size)).eval()
        made = convert(plain, LSQ, 8, images())
        assert isinstance(made[2], QuantGlobalAvgPool) is replaced  # type: ignore[index]
        assert made(images()).shape == plain(images()).shape


def test_a_single_layer_and_a_shared_one() -> None:
    x = images()[..., 0, :4].reshape(5, 4)
    alone = convert(nn.Linear(4, 2), LSQ, 4, x)
    assert isinstance(alone, QuantLinear)
    one = nn.Linear(4, 4)
    both = convert(nn.Sequential(one, nn.ReLU(), one), LSQ, 4, x, pixels=False)
    assert both[0] is both[2]  # type: ignore[index]
    assert isinstance(both[0], QuantLinear)  # type: ignore[index]


def test_doubles_stay_doubles() -> None:
    made = convert(net().double(), LSQ, 3, images().double())
    assert {own.step.dtype for own in quantizers(made).values()} == {torch.float64}
    assert layer(made, "stem.input_quantizer").step.dtype == torch.float64
    assert made(images().double()).dtype == torch.float64


def test_groups_of_parameters() -> None:
    made = convert(net(), LSQ, 3, images())
    groups: Any = parameter_groups(made, 1e-3)
    assert [group["weight_decay"] for group in groups] == [1e-3, 0.0]
    decayed, free = ({id(p) for p in group["params"]} for group in groups)
    for name, p in made.named_parameters():
        is_weight = name.endswith("weight") and "bn" not in name
        assert (id(p) in decayed, id(p) in free) == (is_weight, not is_weight), name


def test_a_sum_is_penalized_for_both_of_its_inputs() -> None:
    quantizer = Quantizer(make_method("lglsq", mde="loss"), signed(8), weights=False)
    both = QuantAdd(quantizer).train()
    a, b = images(seed=1), images(seed=2)
    quantizer.calibrate(a)
    set_progress(both, 1.0)
    both(a, b)
    both.zero_grad()
    set_progress(both, 1.0)  # a step without its penalty leaves nothing behind
    both(a, b)
    alone = [((x - quantizer(x)) ** 2).mean().item() for x in (a, b)]
    quantizer.error = None
    both(a, b)
    assert penalty(both).item() == pytest.approx(1e-3 * sum(alone), rel=1e-5)


def test_penalties_are_summed_once() -> None:
    made = convert(net(), make_method("lglsq", mde="loss"), 3, images()).train()
    assert penalty(made).item() == 0
    set_progress(made, 1.0)
    made(images())
    errors = [own.error for own in quantizers(made).values()]
    assert all(error is not None for error in errors)
    expected = sum(1e-3 * error.item() for error in errors if error is not None)
    assert penalty(made).item() == pytest.approx(expected, rel=1e-5)
    assert penalty(made).item() == 0
    with pytest.raises(ValueError, match="progress"):
        set_progress(made, 1.5)


def with_layer(extra: nn.Module) -> nn.Module:
    """Return a network with one more layer, named odd, behind its second."""
    parts = {
        "first": nn.Conv2d(1, 4, 3),
        "relu": nn.ReLU(),
        "odd": extra,
        "last": nn.Conv2d(4, 2, 1),
    }
    made = nn.Sequential()
    for name, part in parts.items():
        made.add_module(name, part)
    return made


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (nn.ConvTranspose2d(4, 4, 2), "ConvTranspose2d"),
        (nn.Conv1d(4, 4, 1), "Conv1d"),
        (nn.Conv3d(4, 4, 1), "Conv3d"),
        (nn.Bilinear(4, 4, 4), "Bilinear"),
        (nn.GRU(4, 4), "GRU"),
        (nn.MultiheadAttention(4, 2), "MultiheadAttention"),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), "'reflect'"),
        (nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 1)), "ParametrizedConv2d"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_layers_without_a_quantized_form_are_refused(extra: nn.Module, words: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^odd.*: {words}|^odd: Conv2d with padding mode {words}"
    ):
        convert(with_layer(extra), LSQ, 4, images())
    with pytest.raises(ValueError, match=rf"^odd: .*{words}.*4 bits"):
        convert(with_layer(extra), LSQ, 4, images(), layer_bits={"odd": 4})


def test_such_a_layer_may_stay_as_it_is() -> None:
    plain = with_layer(nn.ConvTranspose2d(4, 4, 2)).eval()
    made = convert(plain, LSQ, 4, images(), layer_bits={"odd": None})
    assert type(layer(made, "odd")) is nn.ConvTranspose2d
    assert set(quantizers(made)) == {
        "first.weight_quantizer",
        "last.input_quantizer",
        "last.weight_quantizer",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bits": 0}, r"^block\.conv1: 0 bits"),
        ({"bits": 9}, r"^block\.conv1: 9 bits"),
        ({"bits": 2.5}, r"^block\.conv1: 2\.5 bits"),
        ({"bits": "4"}, r"^block\.conv1: '4' bits"),
        ({"bits": True}, r"^block\.conv1: True bits"),
        ({"edge_bits": 12}, r"^head\.fc: 12 bits"),
        ({"layer_bits": {"twice": 0}}, r"^twice: 0 bits"),
        ({"layer_bits": {"twice": 2.5}}, r"^twice: 2\.5 bits"),
        ({"layer_bits": {"pool": 16}}, r"^pool: 16 bits"),
        ({"layer_bits": {"block.conv9": 4}}, r"^block\.conv9: no such layer"),
        ({"layer_bits": {"relu.1": 4}}, r"^relu\.1: ReLU cannot"),
        ({"example": torch.zeros(0, 1, 8, 8)}, r"^example: empty"),
        ({"example": torch.full((1, 1, 8, 8), torch.nan)}, r"^example: .*NaN"),
    ],
)
def test_wrong_requests_are_refused_in_the_name_of_the_layer(
    change: dict[str, Any], words: str
) -> None:
    request: dict[str, Any] = {"bits": 4, "example": images()} | change
    with pytest.raises(ValueError, match=words):
        convert(net(), LSQ, request.pop("bits"), request.pop("example"), **request)


@pytest.mark.parametrize(
    ("model", "bits", "example", "words"),
    [
        (nn.Linear(4, 2), 0, torch.zeros(1, 4), "^bits: 0 bits"),
        (nn.Linear(4, 2), 4, -torch.ones(1, 4), "^the model: its inputs are"),
        (nn.Linear(4, 2), 4, torch.zeros(1, 4, dtype=torch.uint8), r"^example: torch\.uint8 found"),
        (nn.Linear(4, 2), 4, np.zeros((1, 4)), "^example: float64 found"),
        (nn.Linear(4, 2), 4, {}, "^example: dict found"),
    ],
)
def test_a_model_that_is_one_layer_is_named_too(
    model: nn.Module, bits: int, example: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        convert(model, LSQ, bits, example)


def test_weights_that_are_computed_are_refused_by_name() -> None:
    changes: list[Any] = [nn.utils.spectral_norm, partial(prune.identity, name="weight")]
    for change in changes:
        plain = net()
        change(plain.twice)
        with pytest.raises(ValueError, match=r"^twice: .* whose weight is computed"):
            convert(plain, LSQ, 4, images())


def test_the_name_of_a_method_is_no_method() -> None:
    with pytest.raises(ValueError, match=r"^method: 'lsq' found"):
        convert(net(), "lsq", 4, images())  # type: ignore[arg-type]


def test_layers_that_are_not_used_or_broken_are_named() -> None:
    plain = net()
    plain.spare = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"^spare: the example never reached"):
        convert(plain, LSQ, 4, images())
    plain = net()
    plain.twice.weight.data[0] = torch.nan
    with pytest.raises(ValueError, match=r"^twice\.weight_quantizer: .*NaN"):
        convert(plain, LSQ, 4, images())
    plain = net()
    plain.block.bn.weight.data.fill_(torch.nan)
    with pytest.raises(ValueError, match=r"^block\.conv2\.input_quantizer: .*NaN"):
        convert(plain, LSQ, 4, images())
    with pytest.raises(ValueError, match=r"^head\.fc: QuantLinear"):
        convert(convert(net(), LSQ, 4, images()), LSQ, 4, images())
    with pytest.raises(ValueError, match="no layer to convert"):
        convert(nn.ReLU(), LSQ, 4, images())


def test_an_empty_batch_and_zero_weights_pass() -> None:
    plain = net()
    plain.twice.weight.data.zero_()
    for name in METHODS:
        made = convert(plain, make_method(name), 3, images()).eval()
        assert bool((layer(made, "twice.weight_quantizer").step > 0).all())
        assert made(images()).isfinite().all()
        assert made(images()[:0]).shape == (0, 3)

"""Whole tiles of zeros: how weights are cut, drawn to zero, masked, trained on and stored."""

import copy
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="tiles are trained with PyTorch, of the extra 'train'")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from normed import Plain, Residual, made, one_thread, pictures  # noqa: E402, F401
from torch import nn  # noqa: E402

from neurobot.mars.tiling import Tiling  # noqa: E402
from neurobot.quantize import convert, deploy, fuse, make_method, penalty  # noqa: E402
from neurobot.quantize.examples import Tensors  # noqa: E402
from neurobot.quantize.export import export  # noqa: E402
from neurobot.quantize.fused_bn import fused_layers  # noqa: E402
from neurobot.quantize.jobs import Form  # noqa: E402
from neurobot.quantize.networks import make_network  # noqa: E402
from neurobot.quantize.networks.steering import steering_net  # noqa: E402
from neurobot.quantize.tiles import (  # noqa: E402
    GroupLasso,
    Thinning,
    Tile,
    default_tile,
    draw_to_zero,
    mask_tiles,
    prunable,
    ranks,
)
from neurobot.quantize.training import Settings, train, train_on  # noqa: E402

LSQ = make_method("lsq", symmetric_weights=True)
Tiles = list[list[tuple[int, int, int, int]]]  # by tile: where its weights are


def tiles_of(shape: tuple[int, ...], tile: Tile) -> Tiles:
    """Walk over weights (groups, out, in, positions) in plain loops."""
    groups, out, given, positions = shape
    found = []
    for g, first in itertools.product(range(groups), range(0, out, tile.columns)):
        for row, k in itertools.product(range(0, given, tile.rows), range(positions)):
            outputs = range(first, min(first + tile.columns, out))
            inputs = range(row, min(row + tile.rows, given))
            found.append([(g, o, i, k) for o in outputs for i in inputs])
    return found


def thinned(kind: Any = Residual, share: float = 0.5, tile: Tile | None = None) -> Any:
    fused = fuse(made(kind), pictures())
    mask_tiles(fused, Thinning(share, tile or Tile(2, 3)))
    return fused


def kept_tiles(layer: Any, tile: Tile) -> list[bool]:
    mask = layer.by_position(layer.mask)
    values = [{float(mask[place]) for place in places} for places in tiles_of(mask.shape, tile)]
    assert all(len(found) == 1 for found in values), "a tile is kept or not, as a whole"
    return [found == {1.0} for found in values]


# How weights are cut


@given(
    st.tuples(*[st.integers(1, most) for most in (3, 5, 5, 4)]),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_tiles_are_those_of_plain_loops(
    shape: tuple[int, int, int, int], rows: int, columns: int
) -> None:
    tile, weight = Tile(rows, columns), torch.rand(shape, dtype=torch.float64) + 1
    places = tiles_of(shape, tile)
    parts, sizes = tile.parts(weight), tile.sizes(weight)
    assert parts.shape == (*sizes.shape, rows * columns)
    assert sizes.flatten().tolist() == [len(found) for found in places]
    for part, found in zip(parts.flatten(0, 2), places, strict=True):
        values = sorted(float(weight[place]) for place in found)
        assert sorted(part.tolist()) == [0.0] * (rows * columns - len(found)) + values
    kept = torch.rand(sizes.shape) < 0.5
    mask = tile.spread(kept, weight)
    assert (mask.shape, mask.dtype) == (weight.shape, weight.dtype)
    for stays, found in zip(kept.flatten().tolist(), places, strict=True):
        assert {float(mask[place]) for place in found} == {float(stays)}


@pytest.mark.parametrize("groups", [1, 2])
def test_tiles_are_what_the_machine_stores(groups: int) -> None:
    weights = np.arange(1, 1 + 6 * 3 * 3 * 5).reshape(6, 3, 3, 5)  # out, rows, columns, in
    tiling = Tiling(weights.shape, groups, rows=2, columns=2)
    theirs = tiling.cut(weights)
    layer: Any = fuse(
        nn.Sequential(nn.Conv2d(5 * groups, 6, 3, groups=groups), nn.BatchNorm2d(6)).eval(),
        torch.rand(2, 5 * groups, 4, 4),
    ).get_submodule("0")
    own = Tile(2, 2).parts(
        layer.by_position(torch.from_numpy(weights.transpose(0, 3, 1, 2).copy()))
    )
    blocks, inputs, positions, size = own.shape
    # The machine goes through the kernel first, and through inputs at each of its places.
    own = own.permute(0, 2, 1, 3).reshape(blocks, positions * inputs, size)
    assert own.shape == theirs.reshape(len(theirs), tiling.positions, -1).shape
    for one, other in zip(own.flatten(0, 1), theirs.reshape(-1, size), strict=True):
        assert sorted(one.tolist()) == sorted(other.tolist())


def test_a_dense_layer_has_the_positions_of_the_map_that_it_reads() -> None:
    layers = fused_layers(fuse(made(Residual), pictures()))
    dense = layers["dense"]
    weight = torch.arange(12 * 8 * 16).reshape(12, 128)
    view = dense.by_position(weight)
    assert view.shape == (1, 12, 8, 16)
    assert torch.equal(view[0, 3], weight[3].reshape(8, 16))  # flattened: channels, then places
    assert layers["conv2"].by_position(layers["conv2"].weight).shape == (2, 4, 3, 9)

    class Vectors(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flat, self.a, self.b = nn.Flatten(), nn.Linear(64, 6), nn.Linear(6, 4)
            self.norm1, self.norm2 = nn.BatchNorm1d(6), nn.BatchNorm1d(4)

        def forward(self, x: Any) -> Any:
            return self.norm2(self.b(self.norm1(self.a(self.flat(x))).relu()))

    layers = fused_layers(fuse(made(Vectors), pictures()))
    assert layers["a"].by_position(layers["a"].weight).shape == (1, 6, 1, 64)
    assert layers["b"].by_position(layers["b"].weight).shape == (1, 4, 6, 1)


def test_shapes_and_shares_are_checked() -> None:
    assert str(Tile(16, 8)) == "16x8"
    assert [default_tile(bits) for bits in (2, 4, 5, 8)] == 2 * [Tile(16, 16)] + 2 * [Tile(16, 8)]
    for wrong in (0, -1, 2.0):
        with pytest.raises(ValueError, match=rf"^tile: columns={wrong} found; allowed: whole"):
            Tile(4, wrong)  # type: ignore[arg-type]
    for share in (-0.1, 1.0, 75.0, math.nan):
        with pytest.raises(
            ValueError, match=rf"^zero tiles: {share} found; allowed: 0 or more, be"
        ):
            Thinning(share, Tile())
    for strength in (-1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match=rf"^group lasso: {strength} found; allowed: 0 or mor"):
            Thinning(0.5, Tile(), strength)
    with pytest.raises(ValueError, match=r"^form: zero tiles found, but fused=False"):
        Form("lsq", thinning=Thinning(0.5, Tile()))


# Drawn to zero


def test_the_penalty_is_a_plain_sum_with_its_gradient() -> None:
    tile, strength = Tile(2, 3), 0.3
    weight = torch.randn(
        2, 4, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    weight[1, :3, :2, 4] = 0
    weight.requires_grad_()
    total: Any = GroupLasso(strength, tile)(weight)
    total.backward()
    wanted, gradient = 0.0, torch.zeros_like(weight)
    for found in tiles_of(weight.shape, tile):
        length = math.sqrt(sum(float(weight.detach()[place]) ** 2 for place in found))
        wanted += strength * math.sqrt(len(found)) * length
        for place in found:
            pull = strength * math.sqrt(len(found))
            gradient[place] = pull * weight.detach()[place] / length if length else 0
    # The root is taken 1e-12 above the squares, so a tile of zeros counts a millionth.
    assert float(total.detach()) == pytest.approx(wanted, rel=1e-5)
    assert torch.allclose(weight.grad, gradient, rtol=1e-9)


def test_a_training_sees_the_penalty_of_the_fused_weights_of_inner_layers() -> None:
    fused = fuse(made(Residual), pictures()).train()
    assert float(penalty(fused)) == 0
    thinning = Thinning(0.5, Tile(2, 3), 0.1)
    draw_to_zero(fused, thinning)
    total: Any = penalty(fused)
    total.backward()
    layers = fused_layers(fused)
    lasso = GroupLasso(0.1, Tile(2, 3))
    inner = ["conv2", "shortcut", "dense"]
    wanted = sum(lasso(layers[n].by_position(layers[n].fused_weight)) for n in inner)
    assert float((total - wanted).abs().detach()) < 1e-6
    pulled = {name for name, p in fused.named_parameters() if p.grad is not None and p.grad.any()}
    assert pulled == {f"{name}.{part}" for name in inner for part in ("weight", "norm.weight")}
    mask_tiles(fused, thinning)
    assert float(penalty(fused)) == 0, "no lasso draws any more"


def test_a_group_lasso_makes_weak_tiles_weaker() -> None:
    x, target = pictures(48), torch.arange(48) % 3
    weakest = {}
    for strength in (0.0, 0.1):
        fused = fuse(made(Plain), pictures())
        draw_to_zero(fused, Thinning(0.5, Tile(3, 3), strength))
        train(fused, x, target, Settings(epochs=6, batch=16, lr=0.05))
        shares = [ranks(layer, Tile(3, 3)).detach().flatten() for layer in prunable(fused).values()]
        weakest[strength] = float(torch.cat(shares).quantile(0.3))
    assert weakest[0.1] < 0.5 * weakest[0.0]


# Masked


def expected(fused: Any, share: float, tile: Tile) -> list[bool]:
    """Choose by the rule, in plain loops over all inner layers in a row."""
    scores: list[float] = []
    protected: list[int] = []
    for layer in prunable(fused).values():
        weight = layer.by_position(layer.fused_weight.detach()).double()
        mean = float((weight**2).mean())
        own = [sum(float(weight[p]) ** 2 for p in found) / len(found) / mean
               for found in tiles_of(weight.shape, tile)]  # fmt: skip
        blocks = layer.groups * -(-(len(layer.weight) // layer.groups) // tile.columns)
        size = len(own) // blocks
        for first in range(0, len(own), size):
            best = max(range(first, first + size), key=lambda k: own[k])
            protected.append(len(scores) + best)
        scores += own
    others = sorted((k for k in range(len(scores)) if k not in protected), key=lambda k: scores[k])
    gone = set(others[: round(share * len(scores))])
    return [k not in gone for k in range(len(scores))]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.75, 0.95])
@pytest.mark.parametrize("tile", [Tile(2, 3), Tile(1, 1), Tile(16, 16)])
@pytest.mark.parametrize("kind", [Residual, Plain])
def test_the_weakest_tiles_go_and_as_many_as_asked_for(kind: Any, tile: Tile, share: float) -> None:
    fused = fuse(made(kind), pictures())
    wanted = expected(fused, share, tile)
    mask_tiles(fused, Thinning(share, tile))
    by_layer = [kept_tiles(layer, tile) for layer in prunable(fused).values()]
    found = list(itertools.chain(*by_layer))
    assert found == wanted
    for layer in prunable(fused).values():
        assert layer.mask.flatten(1).any(1).all(), "no output channel loses all of its weights"
    gone = found.count(False)
    assert gone <= round(share * len(found))
    if tile.rows < 16 and share < 0.95:
        assert gone == round(share * len(found))
    for name in fused_layers(fused).keys() - prunable(fused).keys():
        assert fused_layers(fused)[name].mask.all(), "the first layer keeps its own"


def test_a_block_far_weaker_than_the_others_keeps_its_strongest_tile() -> None:
    fused = fuse(made(Plain), pictures())
    layer = prunable(fused)["body.3"]
    with torch.no_grad():
        layer.weight[:1] *= 1e4  # one channel is nearly all of the layer
    mask_tiles(fused, Thinning(0.8, Tile(1, 1)))
    weight = layer.weight.detach().flatten(1).abs()
    for own, mask in zip(weight[1:], layer.mask.flatten(1)[1:], strict=True):
        assert mask.nonzero().flatten().tolist() == [int(own.argmax())]


def test_the_first_layer_and_the_classifier_are_left_alone() -> None:
    names = {"small_vgg": ["conv2", "conv3", "conv4", "conv5"], "lenet": ["conv2"]}
    for name, inner in names.items():
        plain = made(lambda name=name: make_network(name, width=0.25))
        assert list(prunable(fuse(plain, torch.rand(2, 1, 28, 28)))) == inner
    last = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.Flatten(),
        nn.Linear(4 * 16, 3), nn.BatchNorm1d(3),
    )  # fmt: skip
    assert list(prunable(fuse(last.eval(), pictures()))) == ["2"]


def test_networks_without_inner_layers_are_refused() -> None:
    short = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    fused = fuse(short.eval(), pictures())
    for function in (mask_tiles, draw_to_zero):
        with pytest.raises(ValueError, match=r"^model: no layer with a fused batch norm between"):
            function(fused, Thinning(0.5, Tile()))


# Trained on


def masked_stay_zero(own: Any) -> None:
    for name, layer in prunable(own).items():
        gone = layer.mask == 0
        assert gone.any(), name
        assert not layer.fused_weight[gone].any(), name
        quantized = layer.weight_quantizer(layer.fused_weight) if layer.weight_quantizer else None
        assert quantized is None or not quantized[gone].any(), name


@pytest.mark.parametrize("method", ["lsq", "lglsq", "llsq"])
def test_masked_tiles_stay_zero_while_the_others_learn(method: str) -> None:
    x, target = pictures(32), torch.arange(32) % 3
    fused = thinned()
    before = copy.deepcopy(fused.state_dict())
    own: Any = convert(fused, make_method(method, symmetric_weights=True), 4, pictures())
    masked_stay_zero(own)
    seen = [0]

    def watch(*_: Any) -> None:
        seen[0] += 1
        masked_stay_zero(own)

    own.register_forward_pre_hook(watch)
    train(own, x, target, Settings(epochs=3, batch=8, lr=0.05, momentum=0.9, weight_decay=1e-2))
    assert seen[0] == 12
    masked_stay_zero(own)
    after = own.state_dict()
    for name in prunable(own):
        assert torch.equal(after[f"{name}.mask"], before[f"{name}.mask"])
        moved = after[f"{name}.weight"] != before[f"{name}.weight"]
        assert moved[before[f"{name}.mask"] == 1].all(), name


class KilledError(Exception):
    """What a test ends a training with."""


@pytest.mark.parametrize("phase", ["thin", "quantized"])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path: Path, phase: str) -> None:
    examples = Tensors(pictures(24), (torch.arange(24) % 3,))

    def start() -> Any:
        if phase == "thin":
            fused = fuse(made(Residual), pictures())
            draw_to_zero(fused, Thinning(0.5, Tile(2, 3), 1e-3))
            return fused
        return convert(thinned(), LSQ, 4, pictures())

    def run(model: Any, name: str, last: int | None = None) -> Any:
        def watch(done: int, *_: Any) -> None:
            if done == last:
                raise KilledError

        settings = Settings(epochs=4, batch=8, lr=0.02)
        train_on(model, examples, settings, kept=tmp_path / name, every=2, watch=watch)
        return model.state_dict()

    whole = run(start(), "whole.pt")
    for last in (6, 9):  # in the live phase, and in the frozen one
        with pytest.raises(KilledError):
            run(start(), "torn.pt", last)
    found = run(start(), "torn.pt")
    assert list(found) == list(whole)
    assert all(torch.equal(found[name], whole[name]) for name in whole)
    masks = [value for name, value in whole.items() if name.endswith("mask")]
    assert masks
    assert any((mask == 0).any() for mask in masks) == (phase == "quantized")


def test_a_training_does_not_go_on_with_other_masks(tmp_path: Path) -> None:
    examples, settings = Tensors(pictures(8), (torch.arange(8) % 3,)), Settings(epochs=1, batch=8)
    for share in (0.5, 0.25):
        form = Form("lsq", fused=True, thinning=Thinning(share, Tile(2, 3)))
        model = convert(thinned(share=share), LSQ, 4, pictures())
        arguments: dict[str, Any] = {"kept": tmp_path / "own.pt", "identity": form.identity}
        if share == 0.5:
            train_on(model, examples, settings, **arguments)
            continue
        with pytest.raises(ValueError, match=r"a training with thinning={'zero_tiles': 0.5, .*"):
            train_on(model, examples, settings, **arguments)


def test_forms_without_these_options_have_the_identity_that_they_had() -> None:
    known = {"method", "bits", "options", "layer_bits", "edge_bits", "per_channel"}
    assert Form("lsq").identity.keys() == known
    thinning = Thinning(0.5, Tile(16, 8), 1e-4)
    more = Form("lsq", activation_bits=8, fused=True, thinning=thinning).identity
    assert {name: more[name] for name in more.keys() - known} == {
        "activation_bits": 8,
        "fused": True,
        "thinning": {"zero_tiles": 0.5, "tile": {"rows": 16, "columns": 8}, "strength": 1e-4},
    }


# Stored


def zero_tiles(integers: Any, groups: int, tile: Tile) -> list[bool]:
    """Tell which tiles of stored weights (out, rows, columns, in) the machine leaves out."""
    found = Tiling(integers.shape, groups, tile.rows, tile.columns).cut(integers)
    return [not part.any() for part in found.reshape(-1, tile.rows * tile.columns)]


NETS = {
    "residual": (Residual, (8, 8, 1), Tile(2, 3)),
    "steering": (steering_net, (36, 96, 1), Tile(16, 16)),
}


@pytest.mark.parametrize("name", NETS)
def test_the_zero_tiles_of_the_integers_are_the_masked_ones(name: str) -> None:
    kind, shape, tile = NETS[name]
    x = torch.rand(4, shape[2], *shape[:2], generator=torch.Generator().manual_seed(3))
    fused = fuse(made(kind), x)
    mask_tiles(fused, Thinning(0.6, tile))
    own = convert(fused, LSQ, 8, x).eval()  # at 8 bits no whole tile rounds to 0
    convs: dict[str, Any] = {conv.name: conv for conv in export(own, shape).convs}
    layers = fused_layers(own)
    assert "dense" in layers or "dense1" in layers
    for layer_name, layer in layers.items():
        conv = convs[layer_name]
        out, _, given, positions = layer.by_position(layer.weight).shape[0:4]
        mask = layer.by_position(layer.mask).reshape(layer.groups, -1, given, positions)
        kept = Tile(tile.rows, tile.columns).parts(mask).amax(-1)
        wanted = (kept == 0).permute(0, 2, 1).flatten().tolist()
        assert zero_tiles(np.asarray(conv.integers), conv.groups, tile) == wanted, layer_name
        assert any(wanted) == (layer_name in prunable(own)), layer_name
        assert out == layer.groups
    assert torch.equal(deploy(own)(x), own(x))


def test_tiles_that_round_to_zero_are_zero_too() -> None:
    fused = fuse(made(Plain), pictures())
    with torch.no_grad():
        fused_layers(fused)["body.6"].weight[:3] *= 1e-4
    own = convert(fused, LSQ, 4, pictures()).eval()
    conv: Any = {conv.name: conv for conv in export(own, (8, 8, 1)).convs}["body.6"]
    assert fused_layers(own)["body.6"].mask.all()
    blocks = np.array(zero_tiles(np.asarray(conv.integers), 1, Tile(3, 3))).reshape(3, -1)
    assert blocks.all(axis=1).tolist() == [True, False, False]

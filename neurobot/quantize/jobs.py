"""A whole job: a network in full precision, its quantized form, and how many images they tell."""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurobot.qnet import Network
from neurobot.quantize.checkpoints import load_checkpoint, load_weights
from neurobot.quantize.column_layout import Columns
from neurobot.quantize.convert import convert
from neurobot.quantize.datasets import Dataset
from neurobot.quantize.examples import Labelled, first_inputs
from neurobot.quantize.export import export, export_float
from neurobot.quantize.fused_bn import fused_layers
from neurobot.quantize.fusing import fuse
from neurobot.quantize.methods import make_method
from neurobot.quantize.networks import NETWORKS, make_network
from neurobot.quantize.settings import Settings, reproducible
from neurobot.quantize.tiles import Thinning, draw_to_zero, mask_tiles
from neurobot.quantize.training import Watch, check_decay, train_on
from neurobot.quantize.uniq import binary_rules
from neurobot.quantize.watching import calibrate

NONE = "none"  # the method of full precision
QUANTIZED_EPOCHS = 2
FLOAT = Settings(epochs=5, lr=0.03, batch=64, weight_decay=5e-4)
THIN = Settings(epochs=3, lr=0.02, batch=64, weight_decay=1e-4)
# Batches that the steps of inputs are calibrated on: LSQ's first, ten of UniQ's CIFAR-10 runs.
CALIBRATION = {"uniq": 10}
# Epochs of the papers' trainings, of which a recipe's warm-up is a share here.
UNIQ_EPOCHS, LLSQ_EPOCHS = 120, 60


@dataclass(frozen=True)
class Form:
    """How a network is quantized; layer_bits is stronger than the other bits.

    activation_bits: of inputs, None for as many as of weights; fused: batch norms are fused into
    the weights before these are quantized; thinning: how many tiles of fused weights are zero;
    columns: inner layers lie on arrays of memory cells.
    """

    method: str = NONE
    bits: int = 4
    options: Mapping[str, Any] = field(default_factory=dict)  # of the method
    layer_bits: Mapping[str, int | None] = field(default_factory=dict)
    edge_bits: int | None = 8
    per_channel: bool = False
    activation_bits: int | None = None
    fused: bool = False
    thinning: Thinning | None = None
    columns: Columns | None = None

    def __post_init__(self) -> None:
        if self.thinning and not self.fused:
            raise ValueError("form: zero tiles found, but fused=False; only fused weights have any")
        if self.columns and self.fused:
            raise ValueError("form: columns and fused=True found; allowed on arrays: fused=False")

    @property
    def identity(self) -> dict[str, Any]:
        """Everything of it, as a checkpoint keeps it.

        What checkpoints did not know at first is only there where it is asked for.
        """
        later = {
            "activation_bits": self.activation_bits,
            "fused": self.fused,
            "thinning": self.thinning and asdict(self.thinning),
            "columns": self.columns and asdict(self.columns),
        }
        own = {name: value for name, value in self.__dict__.items() if name not in later}
        own |= {"options": dict(self.options), "layer_bits": dict(self.layer_bits)}
        return own | {name: value for name, value in later.items() if value}

    def settings(self, like: Settings) -> Settings:
        """Return settings with the method's own rates, decay and warm-up for so many bits.

        The papers' warm-up of some epochs becomes its share of the papers' epochs.
        """
        recipe = make_method(self.method, **self.options).recipe(self.bits)
        paper = UNIQ_EPOCHS if self.method == "uniq" else LLSQ_EPOCHS
        return replace(
            like,
            lr=recipe.lr,
            weight_decay=recipe.weight_decay,
            warmup=recipe.warmup_epochs / paper,
            warmup_lr=recipe.warmup_lr or like.warmup_lr,
        )


@dataclass(frozen=True)
class Job:
    """A network, and the images that it is to tell apart."""

    network: str
    dataset: str
    images: Dataset

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ValueError(f"network {self.network!r} is not known; known: {', '.join(NETWORKS)}")
        wanted = NETWORKS[self.network].input_shape
        if (found := self.input_shape) != wanted:
            raise ValueError(
                f"{self.network} reads images of {by(wanted)} values, those of {self.dataset} "
                f"have {by(found)}"
            )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels of the images."""
        rows, columns, channels = self.images.train.take(np.zeros(1, np.int64)).shape[1:]
        return rows, columns, channels

    def identity(self, form: Form) -> dict[str, Any]:
        """Name what is trained, and on what."""
        return {"network": self.network, "dataset": self.dataset, **form.identity}

    def fresh(self, seed: int) -> nn.Module:
        """Make the network, with the first weights of a seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return make_network(self.network, classes=len(self.images.classes))

    def train_float(
        self, settings: Settings, kept: Path | None = None, watch: Watch | None = None
    ) -> nn.Module:
        """Train it in full precision."""
        model, examples = self.fresh(settings.seed), Labelled(self.images.train)
        identity = self.identity(Form())
        train_on(model, examples, settings, kept=kept, identity=identity, watch=watch)
        return model.cpu()

    def load_float(self, path: Path) -> nn.Module:
        """Return the trained network of a checkpoint of full precision."""
        parts, model = load_checkpoint(path), self.fresh(0)
        found = {name: parts["identity"].get(name) for name in ("network", "method")}
        if found != {"network": self.network, "method": NONE}:
            raise ValueError(
                f"{path}: network {found['network']!r}, quantized by {found['method']!r} found; "
                f"{self.network!r} in full precision is needed"
            )
        if parts["step"] < parts["steps"]:
            raise ValueError(
                f"{path}: a training that has done {parts['step']} of {parts['steps']} steps "
                "found; one that has ended is needed"
            )
        load_weights(path, model, parts["model"])
        return model.eval()

    def first_batches(self, count: int, settings: Settings) -> list[Tensor]:
        """Return the first inputs of a training."""
        examples = Labelled(self.images.train)
        return first_inputs(examples, settings.batch, count, settings.seed)

    def train_thin(
        self,
        model: nn.Module,
        thinning: Thinning,
        settings: Settings,
        kept: Path | None = None,
        watch: Watch | None = None,
    ) -> nn.Module:
        """Train a network's fused form in full precision, while tiles are drawn to zero."""
        made = fuse(model, self.first_batches(1, settings)[0])
        draw_to_zero(made, thinning)
        lasso = {"strength": thinning.strength, "tile": asdict(thinning.tile)}
        examples, identity = Labelled(self.images.train), self.identity(Form()) | lasso
        train_on(made, examples, settings, kept=kept, identity=identity, watch=watch)
        return made.cpu()

    def quantized(self, model: nn.Module, form: Form, settings: Settings) -> nn.Module:
        """Return the quantized form of a trained network, calibrated and not yet trained.

        Without edge bits, one bit by uniq follows the paper's binary rules: downsampling shortcuts
        stay in full precision too.
        """
        count = CALIBRATION.get(form.method, 1)
        batches = self.first_batches(count, settings)
        if form.fused:
            model = copy.deepcopy(model) if fused_layers(model) else fuse(model, batches[0])
        if form.thinning:
            mask_tiles(model, form.thinning)
        binary = form.method == "uniq" and form.bits == 1 and form.edge_bits is None
        with reproducible(settings):
            made = convert(
                model,
                make_method(form.method, **form.options),
                form.bits,
                batches[0],
                layer_bits={**(binary_rules(model) if binary else {}), **form.layer_bits},
                activation_bits=form.activation_bits,
                edge_bits=form.edge_bits,
                per_channel=form.per_channel,
                columns=form.columns,
            )
            if count > 1:
                calibrate(made, batches)
        return made

    def rehearse(self, form: Form, settings: Settings, *, exports: bool) -> None:
        """Refuse, before any training, what would be refused after it."""
        made = self.quantized(self.fresh(settings.seed).eval(), form, settings)
        check_decay(made, settings)
        if exports:
            self.exported(made, form)

    def train_form(
        self,
        made: nn.Module,
        form: Form,
        settings: Settings,
        kept: Path | None = None,
        watch: Watch | None = None,
    ) -> nn.Module:
        """Train a quantized form."""
        examples, identity = Labelled(self.images.train), self.identity(form)
        train_on(made, examples, settings, kept=kept, identity=identity, watch=watch)
        return made.cpu()

    def exported(self, model: nn.Module, form: Form) -> Network:
        """Return a trained network as integers, or as float32 numbers where it is not quantized."""
        write = export_float if form.method == NONE else export
        return write(model.eval(), self.input_shape)


def by(shape: tuple[int, ...]) -> str:
    """Write a shape."""
    return "x".join(map(str, shape))

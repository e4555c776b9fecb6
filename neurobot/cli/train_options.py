"""What `neurobot train` can be told: the network's form, and the settings of its trainings."""

import argparse
import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from neurobot.cli.placing import read_adc_bits
from neurobot.controllers import read_options, read_value

if TYPE_CHECKING:
    from neurobot.quantize.column import Columns
    from neurobot.quantize.jobs import Form
    from neurobot.quantize.settings import Settings
    from neurobot.quantize.tiles import Thinning, Tile

SYMMETRIC = ("lsq", "llsq", "lglsq")  # methods whose weights can be strictly symmetric


@dataclass(frozen=True)
class Trainings:
    """Settings: of full precision, of drawing tiles to zero, and of the quantized form."""

    full: "Settings"
    thin: "Settings"
    own: "Settings"


def add_options(options: argparse.ArgumentParser) -> None:
    """Declare them all."""
    add = options.add_argument
    add("network", metavar="NETWORK", help="small_cnn, mlp, lenet, resnet20, mobilenet_cifar ...")
    add("--dataset", required=True, metavar="NAME",
        help="mnist, fashion_mnist, cifar10, or image_folder")  # fmt: skip
    add("--augment", metavar="NAME",
        help="of training images: none, shift or crop_and_flip (default: the data set's own)"
        )  # fmt: skip
    add("--method", default="lsq", metavar="NAME",
        help="lsq, llsq, lglsq, uniq, or none; with options as \"lglsq?step_rule=sim&sharpness=2\" "
        "(default: %(default)s)")  # fmt: skip
    add("--bits", type=int, default=4, metavar="N",
        help="of weights and of what layers read, 1..8 (default: %(default)s)")  # fmt: skip
    add("--layer-bits", nargs="+", default=[], metavar="LAYER=N",
        help="bits of layers by name; none is full precision")  # fmt: skip
    add("--edge-bits", default="8", metavar="N",
        help="of the first and the last layer; none is full precision (default: %(default)s)"
        )  # fmt: skip
    add("--per-channel", action="store_true", help="a step for every output channel of weights")
    add("--activation-bits", type=int, metavar="N",
        help="of what layers between the first and the last read (default: as --bits)")  # fmt: skip
    add("--fused", action="store_true",
        help="fuse batch norms into the weights before these are quantized, by one step a layer; "
        "weights of lsq, llsq and lglsq are strictly symmetric then, unless "
        "\"lsq?symmetric_weights=false\" says otherwise")  # fmt: skip
    add("--zero-tiles", type=float, metavar="SHARE",
        help="share of the weights' tiles that are to be zero, 0..1, as 0.75; implies --fused; a "
        "tile is what one access of the machine mars reads; the first and the last layer keep "
        "theirs")  # fmt: skip
    add("--tile", metavar="ROWSxCOLUMNS",
        help="inputs by outputs of a tile, at one position of the kernel (default: 16x16, and 16x8 "
        "above 4 bits)")  # fmt: skip
    add("--lasso", type=float, metavar="X",
        help="strength of the group lasso that draws tiles to zero beforehand; 0: no such training "
        "(default: 1e-5)")  # fmt: skip
    add("--thin-epochs", type=int, metavar="N", help="of that training (default: 3)")
    add("--adc-bits", type=read_adc_bits, default=False, metavar="N",
        help="put all layers but the first and the last onto arrays of memory cells, and train "
        "through converters of so many bits, or ideal ones")  # fmt: skip
    add("--arrays", nargs="+", default=[], metavar="KEY=VALUE",
        help="of those arrays: rows, columns, cell_bits, encoding (offset, differential, "
        "signed_msb), dac_bits; weight_steps and adc_steps (layer, array, column)")  # fmt: skip
    add("--epochs", type=int, metavar="N",
        help="of the quantized training; with --method none, of full precision (default: 2 and "
        "5)")  # fmt: skip
    add("--batch", type=int, metavar="N", help="images of a step (default: 64)")
    add("--lr", type=float, metavar="X", help="at the start (default: the method's own)")
    add("--weight-decay", type=float, metavar="X", help="of weights (default: the method's own)")
    add("--force-weight-decay", action="store_true",
        help="allow weight decay at 1 bit of uniq, to see what it does")  # fmt: skip
    add("--float-epochs", type=int, metavar="N",
        help="of full precision before a quantized training (default: 5)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="of first weights and images' order")
    add("--threads", type=int, default=1, metavar="N",
        help="of PyTorch; another number may end with other weights (default: %(default)s)"
        )  # fmt: skip
    add("--device", default="auto", choices=("auto", "cpu", "cuda"), help="default: %(default)s")
    add("--data", metavar="DIR", help="folder of the image sets (default: NEUROBOT_DATA)")
    add("--from", dest="start", metavar="CHECKPOINT",
        help="of full precision, instead of training one")  # fmt: skip
    add("--out", required=True, metavar="DIR",
        help="folder of the checkpoints; the same command goes on from there")  # fmt: skip
    add("--export", metavar="FILE", help="write the integer network there, as .npz")
    add("--json", action="store_true", help="print one JSON object instead of a table")


def read_bits(where: str, text: str) -> int | None:
    """Read a number of bits, or none."""
    if text == "none":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"{where}: {text!r} bits found; 1 to 8 or none is allowed") from error


def read_form(args: argparse.Namespace) -> "Form":
    """Read how the network is to be quantized."""
    from neurobot.quantize.jobs import NONE, Form

    try:
        options = read_options(args.method)
    except ValueError as error:
        raise ValueError(str(error).replace("controller", "--method", 1)) from error
    layer_bits = {}
    for part in args.layer_bits:
        name, equals, text = part.partition("=")
        if not equals:
            raise ValueError(f"--layer-bits: {part!r} found, LAYER=N needed")
        if name in layer_bits:
            raise ValueError(f"--layer-bits: {name!r} found more than once")
        layer_bits[name] = read_bits(f"--layer-bits {name}", text)
    method, thinning = args.method.partition("?")[0], read_thinning(args)
    fused, columns = args.fused or thinning is not None, read_columns(args)
    if fused and method == NONE:
        raise ValueError("--fused, --zero-tiles: --method none found; a quantized one is needed")
    if columns and (method == NONE or fused):
        found = "--fused or --zero-tiles" if fused else "--method none"
        raise ValueError(f"--adc-bits: {found} found; it needs a quantized form without them")
    if fused and method in SYMMETRIC:
        options = {"symmetric_weights": True, **options}
    return Form(
        method,
        args.bits,
        options,
        layer_bits,
        read_bits("--edge-bits", args.edge_bits),
        args.per_channel,
        args.activation_bits,
        fused,
        thinning,
        columns,
    )


def read_columns(args: argparse.Namespace) -> "Columns | None":
    """Read which arrays inner layers are to lie on, if on any."""
    from neurobot.quantize.column import Columns

    if args.adc_bits is False:
        if args.arrays:
            raise ValueError("--arrays: it needs --adc-bits")
        return None
    known = [field.name for field in fields(Columns) if field.name != "adc_bits"]
    given = {}
    for part in args.arrays:
        name, _, text = part.partition("=")
        if name not in known:
            raise ValueError(f"--arrays: {part!r} found; known: {', '.join(known)}, each with =")
        if name in given:
            raise ValueError(f"--arrays: {name!r} found more than once")
        given[name] = read_value(text)
    return Columns(adc_bits=args.adc_bits, **given)


def read_thinning(args: argparse.Namespace) -> "Thinning | None":
    """Read how many tiles are to be zero, and of which shape."""
    from neurobot.quantize.tiles import Thinning, default_tile

    if args.zero_tiles is None:
        for name in ("tile", "lasso", "thin_epochs"):
            if getattr(args, name) is not None:
                raise ValueError(f"--{name.replace('_', '-')}: it needs --zero-tiles")
        return None
    tile = default_tile(args.bits) if args.tile is None else read_tile(args.tile)
    more = {} if args.lasso is None else {"strength": args.lasso}
    return Thinning(args.zero_tiles, tile, **more)


def read_tile(text: str) -> "Tile":
    """Read ROWSxCOLUMNS."""
    from neurobot.quantize.tiles import Tile

    if not (found := re.fullmatch(r"(\d+)x(\d+)", text)):
        raise ValueError(f"--tile: {text!r} found, ROWSxCOLUMNS needed, as 16x8")
    return Tile(*map(int, found.groups()))


def read_settings(args: argparse.Namespace, form: "Form") -> Trainings:
    """Return the settings of all trainings."""
    from neurobot.quantize.jobs import FLOAT as USUAL
    from neurobot.quantize.jobs import NONE, QUANTIZED_EPOCHS, THIN
    from neurobot.quantize.settings import find_device

    common = {"seed": args.seed, "threads": args.threads, "device": find_device(args.device)}
    given = {"batch": args.batch, "epochs": args.epochs, "lr": args.lr}
    given = {**given, "weight_decay": args.weight_decay}
    given = {name: value for name, value in given.items() if value is not None}
    full = replace(USUAL, **common, batch=args.batch or USUAL.batch)
    thin = replace(THIN, **common, batch=args.batch or THIN.batch)
    if args.thin_epochs is not None:
        thin = replace(thin, epochs=args.thin_epochs)
    if form.method == NONE:
        full = replace(full, **given)
        return Trainings(full, thin, full)
    own = replace(
        form.settings(full), epochs=QUANTIZED_EPOCHS, binary_decay=args.force_weight_decay
    )
    if args.float_epochs is not None:
        full = replace(full, epochs=args.float_epochs)
    return Trainings(full, thin, replace(own, **given))

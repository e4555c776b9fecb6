"""Make the tables of what codes and trees cost: `neurobot compile` makes those of the passes.

python scripts/table_insight.py bits NETWORK.npz [--uniq DIR]: images right after `compress` with so
many bits, beside the same network trained by UniQ with as many, where DIR holds what
`neurobot train --method uniq --bits N --export DIR/N.npz` wrote. The first and the last layer keep
8 bits for weights and inputs in both.
python scripts/table_insight.py fan-in NETWORK.npz: the error of the weights, and images right, with
a power-of-two step for each hardware neuron, by partition, fan-in and bits.

All figures are of the 5 000 validation images, at the output of the streaming machine.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.compile.compress import compress
from neurobot.compile.delay import delay
from neurobot.compile.fan_in import PARTITIONERS, fan_in
from neurobot.compile.flow import answers, totals
from neurobot.compile.fold import fold
from neurobot.qnet import load
from neurobot.quantize.datasets import Dataset, load_dataset
from neurobot.tdnn import Net, read_network

Array = NDArray[Any]
CALIBRATION = 1_000  # training images
BITS = ((8, 8), (6, 8), (5, 8), (4, 8), (3, 8), (2, 8), (8, 6), (8, 4), (4, 4), (3, 3), (2, 2))
FAN_INS, LEAF_BITS = (16, 32, 64), (8, 4, 3)


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("table", choices=("bits", "fan-in"))
    add("network", help="a file of `neurobot train --method none --export`")
    add("--uniq", type=Path, metavar="DIR", help="of 8.npz, 4.npz ... by `neurobot train`")
    add("--dataset", default="mnist")
    add("--data", metavar="DIR", help="folder of the image sets (default: NEUROBOT_DATA)")
    return options.parse_args()


def right(net: Net, images: Array, dataset: Dataset) -> float:
    """Percent of validation images that the streaming machine answers as labelled."""
    return 100 * float((answers(delay(net), images) == dataset.validation.labels).mean())


def weights_error(net: Net, coded: Net) -> float:
    """Mean squared error of the coded weights, over the mean square of those of a neuron."""
    missed = power = 0.0
    for own, other in zip(fold(net).layers, coded.layers, strict=True):
        for row, codes in zip(own.weights, other.shifted, strict=True):
            unit = np.vdot(row, codes) / max(np.vdot(codes, codes), 1)
            missed += float(((row - unit * codes) ** 2).sum())
            power += float((row**2).sum())
    return missed / power


def inside(net: Net, weight_bits: int, activation_bits: int) -> tuple[Any, Any]:
    """Return tables of bits: the first and the last layer keep 8 for weights and inputs."""
    names = [layer.name for layer in net.layers]
    return dict.fromkeys(names[1:-1], weight_bits), dict.fromkeys(names[:-2], activation_bits)


def bits_rows(net: Net, images: Array, given: Array, args: Any, dataset: Dataset) -> Iterator[str]:
    """Compare codes after the training with UniQ's, of as many bits."""
    yield "| bits of weights, activations | images right, % | trained by UniQ, % |"
    yield "|---|---|---|"
    for both in BITS:
        weight_bits, activation_bits = both
        after = right(compress(net, given, *inside(net, *both)), images, dataset)
        path = args.uniq and args.uniq / f"{weight_bits}.npz"
        same = path and weight_bits == activation_bits and path.exists()
        trained = f"{right(read_network(load(path)), images, dataset):.2f}" if same else ""
        yield f"| {weight_bits}, {activation_bits} | {after:.2f} | {trained} |"
    if args.uniq and (path := args.uniq / "1.npz").exists():
        yield f"| 1, 1 | | {right(read_network(load(path)), images, dataset):.2f} |"


def fan_in_rows(net: Net, images: Array, given: Array, dataset: Dataset) -> Iterator[str]:
    """Compare the ways to share connections out among hardware neurons."""
    yield "| bits | fan-in | partition | hardware neurons | error of weights | images right, % |"
    yield "|---|---|---|---|---|---|"
    for bits in LEAF_BITS:
        alone = compress(net, given, bits)
        figures = f"{weights_error(net, alone):.2e} | {right(alone, images, dataset):.2f}"
        yield f"| {bits} | any | an exponent for each neuron | | {figures} |"
        for size in FAN_INS:
            for how in PARTITIONERS:
                coded = compress(fan_in(fold(net), size, how), given, bits)
                figures = f"{weights_error(net, coded):.2e} | {right(coded, images, dataset):.2f}"
                yield f"| {bits} | {size} | {how} | {totals(delay(coded))['neurons']} | {figures} |"


def main() -> None:
    args = arguments()
    net, dataset = read_network(load(args.network)), load_dataset(args.dataset, args.data)
    images = dataset.validation.take(np.arange(len(dataset.validation.labels)))
    given = dataset.train.take(np.arange(CALIBRATION))
    if args.table == "bits":
        rows = bits_rows(net, images, given, args, dataset)
    else:
        rows = fan_in_rows(net, images, given, dataset)
    for row in rows:
        print(row, flush=True)


if __name__ == "__main__":
    main()

"""Show that the range of converters matters as much as their bits, for a network that is placed.

python scripts/table_columns_ranges.py NETWORK.npz --images FILE.npz|NAME [--edges arrays]

Converters span all that columns can sum to, or are calibrated on other images. Error: of the first
layer on arrays, squared, over the squares of what it is to be; right: images, after all layers.
Nothing is trained. Lines are Markdown.
"""

import argparse
from collections.abc import Iterator

import numpy as np

from neurobot.cli.labelled import Found, read_labelled
from neurobot.column_cim import onto_arrays
from neurobot.column_cim.layers import on_arrays
from neurobot.column_cim.placing import EDGES
from neurobot.qnet import ENCODINGS, Network, Runner, load
from neurobot.qnet.runner import Array

BITS = (1, 2, 3, 4, 5, 6, 7, 8, None)


def measure(placed: Network, plain: Network, found: Found) -> str:
    """Return error and images right as cells of a table."""
    name, (_, images, labels) = on_arrays(placed)[0].name, found.labelled
    one, other = Runner(plain), Runner(placed)
    missed = power = right = 0.0
    for image, label in zip(images, labels, strict=True):
        one.run(image)
        right += int(other(image).argmax() == label)
        exact: Array = one.maps[name].astype(np.float64)
        missed += float(((other.maps[name] - exact) ** 2).sum())
        power += float((exact**2).sum())
    return f"{missed / power:.4f} | {100 * right / len(labels):.1f}"


def rows(network: Network, found: Found, edges: str) -> Iterator[str]:
    """Yield a row for each encoding and converter."""
    yield "| encoding | ADC bits | all sums: error | right, % | calibrated: error | right, % |"
    yield "|---|---|---|---|---|---|"
    for encoding in ENCODINGS:
        for bits in BITS:
            cells = [
                measure(
                    onto_arrays(
                        network, encoding=encoding, adc_bits=bits, images=images, edges=edges
                    ),
                    network,
                    found,
                )
                for images in (None, found.calibration)
            ]
            yield f"| {encoding} | {bits or 'ideal'} | {' | '.join(cells)} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = options.add_argument
    add("network", metavar="NETWORK.npz", help="a plain one, of integers")
    add("--images", required=True, metavar="FILE.npz|NAME", help="with labels, or an image set")
    add("--count", type=int, default=1_000, metavar="N", help="images (default: %(default)s)")
    add("--data", metavar="DIR", help="folder of the image sets (default: NEUROBOT_DATA)")
    add("--edges", choices=EDGES, default=EDGES[0], help="(default: %(default)s)")
    args = options.parse_args()
    found = read_labelled(args.images, args.count, args.data)
    for row in rows(load(args.network), found, args.edges):
        print(row, flush=True)


if __name__ == "__main__":
    main()

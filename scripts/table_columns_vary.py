"""Show how networks on arrays bear cells that vary, by the granularity of their steps.

python scripts/table_columns.py granularity --save DIR
neurobot cim vary DIR/*-adc[1-4]-* --images fashion_mnist --count 2000 --draws 3 --out FILE
python scripts/table_columns_vary.py FILE

A figure for each seed of a training is the mean over its draws; 95 % intervals by Student's t are
over seeds. Networks of one seed meet the same draws, so that differences pair. What variation costs
is accuracy without it less that with it.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean

from table_columns import ALIGNED
from table_quantizers import difference, figure

from neurobot.quantize.column_layout import GRANULARITIES

NAME = re.compile(r"\w+-(\w+)-(\w+)-adc(\d)-seed(\d+)")
PAIRS = [(one, other) for one in GRANULARITIES for other in GRANULARITIES]


@dataclass(frozen=True, order=True)
class Place:
    """A place of the table: bits of converters, what shares steps, sigma."""

    bits: int
    steps: tuple[str, str]
    sigma: float


def read(path: Path) -> dict[Place, list[float]]:
    """Return accuracies by place, one for each seed."""
    draws: dict[Place, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in map(json.loads, path.read_text().splitlines()):
        if found := NAME.fullmatch(line["network"]):
            weight_steps, adc_steps, bits, seed = found.groups()
            place = Place(int(bits), (weight_steps, adc_steps), line["variation"]["sigma"])
            draws[place][int(seed)].append(line["accuracy"])
    return {
        place: [mean(by_seed[seed]) for seed in sorted(by_seed)] for place, by_seed in draws.items()
    }


@dataclass(frozen=True)
class Table:
    """The figures of all places, and the sigmas that there are."""

    values: dict[Place, list[float]]
    bits: Sequence[int]
    sigmas: Sequence[float]

    def heading(self, first: str, sigmas: Sequence[float]) -> Iterator[str]:
        """Write the head of a table."""
        yield f"| bits | {first} | " + " | ".join(f"sigma {s:g}" for s in sigmas) + " |"
        yield "|---" * (len(sigmas) + 2) + "|"

    def loss(self, place: Place) -> list[float]:
        """Return what variation costs, by seed."""
        clean = self.values[Place(place.bits, place.steps, 0.0)]
        return [a - b for a, b in zip(clean, self.values[place], strict=True)]

    def accuracies(self) -> Iterator[str]:
        """Write what is told right."""
        yield from self.heading("steps of weights / of converters: right, %", self.sigmas)
        for bits, steps in product(self.bits, PAIRS):
            cells = (figure(self.values[Place(bits, steps, sigma)]) for sigma in self.sigmas)
            yield f"| {bits} | {' / '.join(steps)} | " + " | ".join(cells) + " |"

    def losses(self) -> Iterator[str]:
        """Write how the cost of variation compares, by pairs of one seed."""
        sigmas = [sigma for sigma in self.sigmas if sigma]
        yield from self.heading("what it costs more than column / column, points", sigmas)
        for bits, steps in product(self.bits, PAIRS):
            if steps == ALIGNED:
                continue
            pairs = (
                (self.loss(Place(bits, steps, sigma)), self.loss(Place(bits, ALIGNED, sigma)))
                for sigma in sigmas
            )
            cells = (difference(own, other) for own, other in pairs)
            yield f"| {bits} | {' / '.join(steps)} | " + " | ".join(cells) + " |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("file", type=Path, help="what `neurobot cim vary` wrote")
    path = options.parse_args().file
    values = read(path)
    if not values:
        sys.exit(f"{path}: no trials of networks of table_columns.py found; 1 or more are needed")
    bits, sigmas = (
        sorted({getattr(place, name) for place in values}) for name in ("bits", "sigma")
    )
    table = Table(values, bits, sigmas)
    for part in (table.accuracies, table.losses):
        print("\n".join(part()), end="\n\n")


if __name__ == "__main__":
    main()

"""A machine of arrays with faults, once more: codes of cells, converters and constants, one by one.

Written from what `neurobot.faults.column_cim` and `neurobot.qnet.columns` say. Memories are
dictionaries from the name of a part to plain integers.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from naive_columns import naive_places, rows_of_tiles
from naive_faults import FAULTY, damage, wrapped
from naive_qnet import RULES, Map, Record, extent, starts

from neurobot.qnet import ColumnConv, Conv, Network, Requant, Scores

Codes = dict[str, list[int]]
Struck = list[tuple[int, int, int]]  # place, output and bit


def unit_of(values: Any, signed: bool) -> float:
    """What the lowest bit of a reference of 16 bits is worth."""
    largest, top = float(np.abs(values).max()), 1.0
    while top <= largest:
        top *= 2
    while 0 < largest < top / 2:
        top /= 2
    return top / 2 ** (15 if signed else 16)


def reference(value: float, code: int, unit: float, signed: bool) -> np.float32:
    """What a reference is set to; its code in a sound chip is the nearest one that there is."""
    low, high = (-(2**15), 2**15 - 1) if signed else (0, 2**16 - 1)
    meant = min(max(round(value / unit), low), high)
    found = wrapped(code, 16) if signed else code
    if found == meant:
        return np.float32(value)
    made = value + (found - meant) * unit
    return np.float32(made if signed else max(made, unit))


class Arrays:
    """A layer whose cells, converters and constants are what codes say; struck: of its sums."""

    def __init__(self, layer: ColumnConv, codes: Codes, bits: dict[str, int]) -> None:
        self.layer, self.name = layer, layer.name
        self.tiles, self.places = rows_of_tiles(layer), naive_places(layer)
        self.outs = range(len(layer.weights))
        self.cells = self.digits(iter(codes[layer.name]))
        self.columns = list(product(range(len(self.tiles)), range(len(self.places)), self.outs))
        self.steps = self.references("steps", layer.adc_step, codes, False)
        self.offsets = self.references("offsets", layer.adc_offset, codes, True)
        held = {
            part: [wrapped(code, bits[f"{self.name}.{part}"]) for code in codes[key]]
            for part in ("multipliers", "constants", "corrections")
            if (key := f"{self.name}.{part}") in codes
        }
        self.multipliers = dict(zip(self.columns, held["multipliers"], strict=True))
        self.constants = held["constants"]
        self.corrections = held.get("corrections", [0] * len(self.tiles) * len(self.outs))

    def digits(self, codes: Iterator[int]) -> dict[Any, Any]:
        """Columns (tile, slice, output) -> what the cells of its rows hold."""
        cells, last = {}, len(self.places) - 1
        for t, tile in enumerate(self.tiles):
            for j, o in product(range(last + 1), self.outs):
                found = [next(codes) for _ in tile]
                if self.layer.encoding == "signed_msb" and j == last:
                    found = [wrapped(code, self.layer.cell_bits) for code in found]
                cells[t, j, o] = np.array(found, np.int64)
        assert next(codes, None) is None
        return cells

    def references(self, part: str, values: Any, codes: Codes, signed: bool) -> dict[Any, Any]:
        found = codes.get(f"{self.name}.{part}")
        if found is None:
            return {}
        unit = unit_of(values, signed)
        return {
            column: reference(float(values[column]), code, unit, signed)
            for column, code in zip(self.columns, found, strict=True)
        }

    def code(self, total: int, column: Any) -> int:
        """Convert a column's sum."""
        if self.layer.adc_bits is None:
            return total
        ratio = (np.float32(total) - self.offsets[column]) / self.steps[column]
        bits = self.layer.adc_bits
        low, high = (0, 1) if bits == 1 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return min(max(int(np.rint(ratio)), low), high)

    def sums(self, given: Map, bits: int) -> list[list[int]]:
        """All sums of outputs, by place, with all bits behind their point."""
        layer, found = self.layer, []
        rows, columns, _ = extent(given)
        _, high, wide, _ = layer.weights.shape
        tops = starts(rows, high, layer.stride[0], layer.padding[0])
        lefts = starts(columns, wide, layer.stride[1], layer.padding[1])
        for top, left in product(tops, lefts):
            driven = [
                np.array([given.get((top + i, left + j, c), 0) for i, j, c in tile], np.int64)
                for tile in self.tiles
            ]
            found.append([self.output(driven, o, bits) for o in self.outs])
        return found

    def output(self, driven: list[Any], o: int, bits: int) -> int:
        layer = self.layer
        total: int = self.constants[o] + 2**layer.fraction // 2
        for t, inputs in enumerate(driven):
            total -= self.corrections[t * len(self.outs) + o] * int(inputs.sum())
            for cycle, j in product(range(0, bits, layer.dac_bits), range(len(self.places))):
                applied = inputs // 2**cycle % 2**layer.dac_bits
                code = self.code(int(self.cells[t, j, o] @ applied), (t, j, o))
                total += self.multipliers[t, j, o] * code * 2**cycle
        return total

    def run(self, given: Map, network: Network, struck: Struck, width: int) -> Map:
        """The map of a layer, of whose sums in registers of so many bits some are struck."""
        made, ends = network.signals[self.name], network.signals[self.name]
        sums = self.sums(given, network.signals[self.layer.inputs[0]].bits)
        for place, output, bit in struck:
            sums[place][output] = wrapped(wrapped(sums[place][output], width) ^ 1 << bit, width)
        found = {}
        for place, outputs in enumerate(sums):
            for o, total in enumerate(outputs):
                whole = min(max(total // 2**self.layer.fraction, ends.lowest), ends.highest)
                found[(*divmod(place, made.shape[1]), o)] = whole
        return found


def run_faulty(
    network: Network,
    codes: Codes,
    bits: dict[str, int],
    image: Any,
    struck: dict[str, Struck] | None = None,
    width: int = 0,
) -> list[int]:
    """Return the scores of an image; codes, bits: of all memories, by part; struck: by layer."""
    maps: dict[str, Map] = {"input": {at: int(image[at]) for at in np.ndindex(image.shape)}}
    for layer in network.layers:
        given = [maps[name] for name in layer.inputs]
        if isinstance(layer, ColumnConv):
            arrays = Arrays(layer, codes, bits)
            hits = (struck or {}).get(layer.name, [])
            maps[layer.name] = arrays.run(given[0], network, hits, width)
            continue
        found = layer
        if isinstance(layer, Conv):
            found = damage(layer, {"weights": codes[layer.name]}, bits[layer.name])
        elif isinstance(layer, Requant | Scores):
            names = ("multiplier", "bias", "shift")[: 2 + isinstance(layer, Requant)]
            found = damage(layer, {name: codes[f"{layer.name}.{name}"] for name in names}, 0)
        made = maps[layer.name] = {**RULES, **FAULTY}[type(layer)](found, *given, Record())
        for place, output, bit in (struck or {}).get(layer.name, []):
            at = (*divmod(place, extent(made)[1]), output)
            made[at] = wrapped(made[at] ^ 1 << bit, 32)
    last = maps[network.layers[-1].name]
    return [last[place] for place in sorted(last)]

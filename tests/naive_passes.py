"""What the digital processor does without weights, value by value, in plain Python."""

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from naive_lanes import Code, Memory, Reader
from naive_qnet import starts

from neurobot.qnet import Add, Affine, Channels, Conv, MaxPool, Network, Requant, Scores, SumPool

SUMS, SCALERS = (Conv, Add, SumPool), (Requant, Scores, Affine)


@dataclass
class Passes:
    """Time, memories and units without weights; keywords of the array as plain numbers."""

    network: Network
    rows: int = 8
    columns: int = 8
    schedule: str = "output-stationary"
    bank_bytes: int = 8192
    weight_word_bits: int = 64
    activation_word_bits: int = 64
    accumulator_bits: int = 32
    requant_lanes: int = 4
    fill_cycles: int = 4
    gates_zeros: bool = True

    def __post_init__(self) -> None:
        self.memories: dict[str, Memory] = {}
        self.by_layer: dict[str, Counter[str]] = {}
        self.weight_bytes = self.partial_bytes = self.map_bytes = 0
        self.leaving = 0
        self.scalers: list[Any] = []
        self.counts: Counter[str] = Counter()  # of the pass that runs

    # Time.

    def tick(self) -> None:
        self.counts["cycles"] += 1
        self.leaving = max(self.leaving - self.requant_lanes, 0)

    def tick_slots(self, slots: int) -> None:
        """One value after another through a unit that takes some at a time."""
        for first in range(slots):
            if first % self.requant_lanes == 0:
                self.tick()

    # Maps.

    def codes_of(self, layer: Any) -> list[Code]:
        """How the channels of a layer's map are written."""
        signal = self.network.signals[layer.name]
        channels = signal.shape[2]
        if self.network.real:
            return [Code(32, True, real=True)] * channels
        if isinstance(layer, Requant):
            return [Code(layer.bits, layer.low < 0, layer.odd)] * channels
        if isinstance(layer, MaxPool):
            return self.memories[layer.inputs[0]].codes
        if isinstance(layer, Channels):
            known = [code for name in layer.inputs for code in self.memories[name].codes]
            return [known[number] for number in layer.index.tolist()]
        return [Code(signal.bits, signal.lowest < 0)] * channels

    def make_memory(self, layer: Any) -> Memory:
        signal = self.network.signals[layer.name]
        bits = 32 if self.network.real else signal.bits
        lanes = self.activation_word_bits // 8
        self.memories[layer.name] = Memory(signal.shape, bits, self.codes_of(layer), lanes)
        return self.memories[layer.name]

    def make_image(self, image: Any) -> None:
        network = self.network
        code = Code(network.input_bits, network.input_signed)
        lanes, channels = self.activation_word_bits // 8, network.input_shape[2]
        memory = Memory(network.input_shape, code.bits, [code] * channels, lanes)
        for y, x, c in product(*map(range, network.input_shape)):
            self.counts["activation_writes"] += memory.put(y, x, c, image[y][x][c])
        self.memories["input"] = memory

    # What leaves the array, or a unit that adds.

    def leave(self, layer: Any, y: int, x: int, c: int, value: Any) -> None:
        """Scale a sum for each layer that does, or store it."""
        for scaler in self.scalers:
            if isinstance(scaler, Affine):
                self.counts["affines_fp32"] += 1
                made = np.float32(value) * scaler.scale[c] + scaler.bias[c]
                made = np.minimum(np.maximum(made, np.float32(scaler.low)), np.float32(scaler.high))
            else:
                self.counts["requantizations"] += 1
                made = int(value) * int(scaler.multiplier[c]) + int(scaler.bias[c])
            if isinstance(scaler, Requant):
                made = min(max(made >> scaler.shift, scaler.low), scaler.high)
                made = 2 * made - 2**scaler.bits + 1 if scaler.odd else made
            self.counts["activation_writes"] += self.memories[scaler.name].put(y, x, c, made)
        if not self.scalers:
            self.counts["activation_writes"] += self.memories[layer.name].put(y, x, c, value)

    def load_scales(self, channels: int, *, held: bool) -> None:
        """Read what scales some channels, and count it among what is held once."""
        for scaler in self.scalers:
            size = channels * (8 if isinstance(scaler, Affine) else 16)
            words = -(-8 * size // self.weight_word_bits)
            self.counts["weight_reads"] += words
            self.weight_bytes += held * words * self.weight_word_bits // 8

    def run_other(self, layer: Any) -> None:
        for _ in range(self.fill_cycles):
            self.tick()
        if isinstance(layer, SCALERS):
            self.scalers = [layer]
        self.load_scales(self.network.signals[layer.name].shape[2], held=True)
        sources = [self.memories[name] for name in layer.inputs]
        if isinstance(layer, SCALERS):
            self.scale(layer, sources[0])
        elif isinstance(layer, Add):
            self.add(layer, *sources)
        elif isinstance(layer, SumPool):
            self.sum_up(layer, sources[0])
        elif isinstance(layer, MaxPool):
            self.pool(layer, sources[0])
        else:
            self.take(layer, sources)

    @property
    def additions(self) -> str:
        return "additions_fp32" if self.network.real else "additions"

    def scale(self, layer: Any, source: Memory) -> None:
        reader = Reader(self.counts)
        for y, x, c in product(*map(range, source.shape)):
            self.leave(layer, y, x, c, reader.get(source, y, x, c))
        self.tick_slots(source.shape[0] * source.shape[1] * source.shape[2])

    def add(self, layer: Add, one: Memory, other: Memory) -> None:
        readers = Reader(self.counts), Reader(self.counts)
        slots = 0
        for y, x, c in product(*map(range, one.shape)):
            total = readers[0].get(one, y, x, c) + readers[1].get(other, y, x, c)
            self.counts[self.additions] += 1
            self.leave(layer, y, x, c, total)
            slots += max(len(self.scalers), 1)
        self.tick_slots(slots)

    def sum_up(self, layer: SumPool, source: Memory) -> None:
        reader, channels = Reader(self.counts), source.shape[2]
        totals: list[Any] = [np.float32(0) if self.network.real else 0] * channels
        for y, x, c in product(*map(range, source.shape)):
            totals[c] = totals[c] + reader.get(source, y, x, c)
            self.counts[self.additions] += 1
        self.tick_slots(source.shape[0] * source.shape[1] * channels)
        for c, total in enumerate(totals):
            self.leave(layer, 0, 0, c, total)
        self.tick_slots(channels * max(len(self.scalers), 1))

    def pool(self, layer: MaxPool, source: Memory) -> None:
        rows, columns, channels = source.shape
        slots = 0
        tops = starts(rows, layer.size[0], layer.stride[0], layer.padding[0])
        lefts = starts(columns, layer.size[1], layer.stride[1], layer.padding[1])
        for (y, top), (x, left) in product(enumerate(tops), enumerate(lefts)):
            reader, greatest = Reader(self.counts), dict[int, Any]()
            for i, j in product(range(layer.size[0]), range(layer.size[1])):
                if not (0 <= top + i < rows and 0 <= left + j < columns):
                    continue
                for c in range(channels):
                    value = reader.get(source, top + i, left + j, c)
                    slots += 1
                    self.counts["maxima"] += c in greatest
                    greatest[c] = max(greatest.get(c, value), value)
            for c in range(channels):
                self.leave(layer, y, x, c, greatest[c])
        self.tick_slots(slots)

    def take(self, layer: Channels, sources: list[Memory]) -> None:
        known = [(port, c) for port, s in enumerate(sources) for c in range(s.shape[2])]
        rows, columns, channels = self.network.signals[layer.name].shape
        reader = Reader(self.counts)
        for y, x, c in product(range(rows), range(columns), range(channels)):
            port, channel = known[int(layer.index[c])]
            self.leave(layer, y, x, c, reader.get(sources[port], y, x, channel, port))
        self.tick_slots(rows * columns * channels)

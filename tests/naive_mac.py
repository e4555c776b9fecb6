"""What the digital processor does, once more: cycle by cycle, lane by lane, in plain Python.

Maps lie in memories of real bits, weights in real words; a processing element is given two lanes of
packed codes, and every sum comes from what it finds there. Nothing is computed that is not walked
through, and nothing of `neurobot.mac` is imported.
"""

import struct
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from naive_qnet import starts

from neurobot.qnet import Add, Affine, Channels, Conv, MaxPool, Network, Requant, Scores, SumPool

SUMS, SCALERS = (Conv, Add, SumPool), (Requant, Scores, Affine)


class Code(NamedTuple):
    """How a channel's integers are written."""

    bits: int
    signed: bool
    odd: bool = False
    real: bool = False


def written(value: Any, code: Code, bits: int) -> int:
    """The bits of a value, in a field of so many."""
    if code.real:
        return int.from_bytes(struct.pack("<f", value), "little")
    number = (int(value) + 2**code.bits - 1) // 2 if code.odd else int(value)
    return number % 2**bits


def found(raw: int, code: Code, bits: int) -> Any:
    """The value that such bits stand for."""
    if code.real:
        return np.float32(struct.unpack("<f", raw.to_bytes(4, "little"))[0])
    if code.odd:
        return 2 * raw - 2**code.bits + 1
    return raw - 2**bits if code.signed and raw >= 2 ** (bits - 1) else raw


@dataclass
class Memory:
    """A map as lanes of 8 bits; `codes`: of its channels, `bits`: of each value."""

    shape: tuple[int, int, int]
    bits: int
    codes: list[Code]
    word_lanes: int
    lanes: list[int] = field(default_factory=list)
    last_written: int = -1

    def __post_init__(self) -> None:
        channels = self.shape[2]
        shared = 8 // self.bits
        self.each = -(-channels // shared) if shared else channels * -(-self.bits // 8)
        count = self.shape[0] * self.shape[1] * self.each
        self.words = -(-count // self.word_lanes)
        self.lanes = [0] * count

    def place(self, y: int, x: int, c: int) -> tuple[list[int], int]:
        """The lanes that hold a value, and its bit within the first."""
        corner = (y * self.shape[1] + x) * self.each
        if self.bits <= 8:
            shared = 8 // self.bits
            return [corner + c // shared], self.bits * (c % shared)
        wide = -(-self.bits // 8)
        return [corner + c * wide + k for k in range(wide)], 0

    def put(self, y: int, x: int, c: int, value: Any) -> int:
        """Write a value; return how many new words were begun."""
        lanes, shift = self.place(y, x, c)
        raw = written(value, self.codes[c], self.bits if len(lanes) == 1 else 8 * len(lanes))
        begun = 0
        for k, lane in enumerate(lanes):
            mask = (2**self.bits - 1 if len(lanes) == 1 else 255) << shift
            piece = (raw >> (8 * k)) % 256 << shift if len(lanes) > 1 else raw << shift
            self.lanes[lane] = self.lanes[lane] & ~mask | piece
            begun += lane // self.word_lanes != self.last_written
            self.last_written = lane // self.word_lanes
        return begun

    def get(self, y: int, x: int, c: int) -> tuple[Any, list[int]]:
        """A value, and the words that it is read from."""
        lanes, shift = self.place(y, x, c)
        if len(lanes) == 1:
            raw = self.lanes[lanes[0]] >> shift & (2**self.bits - 1)
            bits = self.bits
        else:
            raw, bits = sum(self.lanes[n] << (8 * k) for k, n in enumerate(lanes)), 8 * len(lanes)
        return found(raw, self.codes[c], bits), [lane // self.word_lanes for lane in lanes]


@dataclass
class Reader:
    """Keeps the last word that it read."""

    counts: Counter[str]
    last: Any = None

    def get(self, memory: Memory, y: int, x: int, c: int, port: int = 0) -> Any:
        value, words = memory.get(y, x, c)
        for word in words:
            self.counts["activation_reads"] += (port, word) != self.last
            self.last = port, word
        return value


class Operand(NamedTuple):
    """An input in a lane: its integer, and how it is written; None: there is no map."""

    value: Any
    code: Code | None


def multiply(weights: int, operands: list[Operand], mode: int, weight: Code) -> int:
    """What one processing element makes of two lanes: the sum of packed products of codes."""
    mask = 2**mode - 1
    if mode == 1:
        return count_ones(weights, operands, weight)
    total = 0
    for slot, (value, code) in enumerate(operands):
        k = found(weights >> (mode * slot) & mask, weight._replace(odd=False), mode)
        if code is None:
            continue
        q = found(written(value, code, mode), code._replace(odd=False), mode)
        total += 2 * k * q - (2**code.bits - 1) * k if code.odd else k * q
    return total


def count_ones(weights: int, operands: list[Operand], weight: Code) -> int:
    """The same for 1-bit codes: AND, then popcount."""
    inputs = positive = negative = odd = 0
    for slot, (value, code) in enumerate(operands):
        if code is None:
            continue
        inputs |= written(value, code, 1) << slot
        odd |= code.odd << slot
        negative |= (code.signed and not code.odd) << slot
        positive |= (not code.signed and not code.odd) << slot
    ones = weights & inputs
    total = (ones & positive).bit_count() - (ones & negative).bit_count()
    total += 2 * (ones & odd).bit_count() - (weights & odd).bit_count()
    return -total if weight.signed else total


@dataclass
class Machine:
    """A processor that runs a network once; keywords of the array as plain numbers."""

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
        self.sums: dict[str, Any] = {}  # of layers whose sums are not stored, by place
        self.by_layer: dict[str, Counter[str]] = {}
        self.weight_bytes = self.partial_bytes = self.map_bytes = 0
        self.leaving = 0

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

    # Convolutions.

    def run_conv(self, conv: Conv) -> None:
        self.conv, self.source = conv, self.memories[conv.inputs[0]]
        self.mode = 32 if conv.real else max(conv.weight_bits, self.source.bits)
        self.packed = max(8 // self.mode, 1)
        self.weight = Code(conv.weight_bits, not conv.odd, real=conv.real)
        self.name = "macs_fp32" if conv.real else f"macs_{self.mode}b"
        self.odd_map = any(code.odd for code in self.source.codes)
        out, high, wide, given = np.shape(conv.weights)
        self.made, self.given = out // conv.groups, given
        self.steps = [
            (i, j, first)
            for i, j in product(range(high), range(wide))
            for first in range(0, given, self.packed)
        ]
        rows, columns, _ = self.source.shape
        self.places = [
            (y, x, top, left)
            for y, top in enumerate(starts(rows, high, conv.stride[0], conv.padding[0]))
            for x, left in enumerate(starts(columns, wide, conv.stride[1], conv.padding[1]))
        ]
        for group, first in product(range(conv.groups), range(0, self.made, self.columns)):
            outs = [group * self.made + o for o in range(first, min(first + self.columns, self.made))]
            self.load_scales(len(outs), held=True)
            for memory in self.memories.values():
                memory.last_written = -1
            memory_words = [self.weight_words(outs, step) for step in self.steps]
            self.weight_bytes += sum(map(len, memory_words)) * self.weight_word_bits // 8
            walk = self.stay if self.schedule == "output-stationary" else self.stream
            walk(group, outs, memory_words)
        while self.leaving:
            self.tick()

    def weight_words(self, outs: list[int], step: tuple[int, int, int]) -> list[int]:
        """The words that hold a step's weights, a lane (or four) for each output channel."""
        i, j, first = step
        raw, width = 0, 32 if self.conv.real else 8
        for n, o in enumerate(outs):
            for slot, c in enumerate(range(first, min(first + self.packed, self.given))):
                code = self.conv.weights[o, i, j, c]
                raw |= written(code, self.weight, self.mode) << (width * n + self.mode * slot)
        size = width * len(outs)
        return [
            raw >> low & (2**self.weight_word_bits - 1)
            for low in range(0, size, self.weight_word_bits)
        ]

    def read_weights(self, words: list[int], count: int) -> list[int]:
        """Read a step's words, and part them into the operands of so many columns."""
        self.counts["weight_reads"] += len(words)
        raw, width = sum(w << (k * self.weight_word_bits) for k, w in enumerate(words)), 8
        width = 32 if self.conv.real else 8
        return [raw >> (width * n) & (2**width - 1) for n in range(count)]

    def read_inputs(self, reader: Reader, group: int, at: Any, step: Any) -> list[Operand]:
        """Read a lane's inputs of a window."""
        (_, _, top, left), (i, j, first) = at, step
        rows, columns, _ = self.source.shape
        operands = []
        for c in range(first, min(first + self.packed, self.given)):
            channel = group * self.given + c
            if not (0 <= top + i < rows and 0 <= left + j < columns):
                operands.append(Operand(np.float32(0) if self.conv.real else 0, None))
                continue
            value = reader.get(self.source, top + i, left + j, channel)
            operands.append(Operand(value, self.source.codes[channel]))
        return operands

    def meet(self, weights: int, operands: list[Operand], total: Any) -> Any:
        """One PE in one cycle: its products, and its accumulator."""
        for operand in operands:
            still = operand.value == 0
            self.counts["gated_macs" if still and self.gates_zeros else self.name] += 1
            self.counts["offset_additions"] += self.odd_map and not still
        if self.conv.real:
            weight = found(weights, self.weight, 32)
            return total + np.float32(operands[0].value) * weight
        if self.adds(operands):
            self.counts["accumulations"] += 1
        return total + multiply(weights, operands, self.mode, self.weight)

    def adds(self, operands: list[Operand]) -> bool:
        """Whether an accumulator is clocked."""
        stops = self.gates_zeros and self.schedule == "output-stationary"
        return not stops or any(operand.value != 0 for operand in operands)

    def sum_inputs(self, operands: list[Operand], total: int) -> int:
        """The sum of inputs of a row, which weights of a mid-rise grid need."""
        if not self.conv.odd:
            return 0
        self.counts["sum_accumulations"] += self.adds(operands)
        return total + sum(operand.value for operand in operands)

    def put_together(self, total: Any, inputs: int) -> Any:
        """The sum of integers, from that of codes."""
        if not self.conv.odd:
            return total
        self.counts["additions"] += 1
        return 2 * total - (2**self.conv.weight_bits - 1) * inputs

    def stay(self, group: int, outs: list[int], words: list[list[int]]) -> None:
        """Sums stay, tile by tile of places."""
        zero: Any = np.float32(0) if self.conv.real else 0
        for first in range(0, len(self.places), self.rows):
            tile = self.places[first : first + self.rows]
            sums = [[zero] * len(outs) for _ in tile]
            inputs, readers = [0] * len(tile), [Reader(self.counts) for _ in tile]
            for _ in range(self.fill_cycles):
                self.tick()
            for step, step_words in zip(self.steps, words, strict=True):
                self.tick()
                weights = self.read_weights(step_words, len(outs))
                for r, at in enumerate(tile):
                    operands = self.read_inputs(readers[r], group, at, step)
                    inputs[r] = self.sum_inputs(operands, inputs[r])
                    for n in range(len(outs)):
                        sums[r][n] = self.meet(weights[n], operands, sums[r][n])
            while self.leaving:
                self.tick()
            for r, (y, x, _, _) in enumerate(tile):
                for n, o in enumerate(outs):
                    self.leave(self.conv, y, x, o, self.put_together(sums[r][n], inputs[r]))
            self.leaving = len(tile) * len(outs) * max(len(self.scalers), 1)

    def stream(self, group: int, outs: list[int], words: list[list[int]]) -> None:
        """Weights stay, tile by tile of steps."""
        zero: Any = np.float32(0) if self.conv.real else 0
        aside: dict[Any, tuple[list[Any], int]] = {}
        for first in range(0, len(self.steps), self.rows):
            tile = self.steps[first : first + self.rows]
            is_last = first + self.rows >= len(self.steps)
            held = []
            for step_words in words[first : first + self.rows]:
                self.tick()
                held.append(self.read_weights(step_words, len(outs)))
                self.counts["weight_loads"] += len(outs) * (4 if self.conv.real else 1)
            for _ in range(self.fill_cycles):
                self.tick()
            for at in self.places:
                sums, inputs = [zero] * len(outs), 0
                if first:
                    sums, inputs = aside.pop(at)
                    self.counts["partial_reads"] += len(outs) + self.conv.odd
                reader = Reader(self.counts)
                for step, weights in zip(tile, held, strict=True):
                    operands = self.read_inputs(reader, group, at, step)
                    inputs = self.sum_inputs(operands, inputs)
                    sums = [
                        self.meet(w, operands, s) for w, s in zip(weights, sums, strict=True)
                    ]
                self.tick()
                if not is_last:
                    aside[at] = sums, inputs
                    self.counts["partial_writes"] += len(outs) + self.conv.odd
                    continue
                for n, o in enumerate(outs):
                    self.leave(self.conv, at[0], at[1], o, self.put_together(sums[n], inputs))
                self.leaving = len(outs) * max(len(self.scalers), 1)
                self.leaving = max(self.leaving - self.requant_lanes, 0)
                while self.leaving:
                    self.tick()
            words_aside = len(aside) * (len(outs) + self.conv.odd)
            size = words_aside * -(-self.accumulator_bits // 8)
            self.partial_bytes = max(self.partial_bytes, size)

    # Passes without weights.

    def run_other(self, layer: Any) -> None:
        for _ in range(self.fill_cycles):
            self.tick()
        if isinstance(layer, SCALERS):
            self.scalers = [layer]
        shape = self.network.signals[layer.name].shape
        self.load_scales(shape[2], held=True)
        sources = [self.memories[name] for name in layer.inputs]
        readers = [Reader(self.counts) for _ in sources]
        additions = "additions_fp32" if self.network.real else "additions"
        rounds = max(len(self.scalers), 1)
        if isinstance(layer, SCALERS):
            for place in product(*map(range, shape)):
                self.leave(layer, *place, readers[0].get(sources[0], *place))
            self.tick_slots(shape[0] * shape[1] * shape[2])
        elif isinstance(layer, Add):
            for place in product(*map(range, shape)):
                one, other = (r.get(s, *place) for r, s in zip(readers, sources, strict=True))
                self.counts[additions] += 1
                self.leave(layer, *place, one + other)
            self.tick_slots(shape[0] * shape[1] * shape[2] * rounds)
        elif isinstance(layer, SumPool):
            totals: list[Any] = [np.float32(0) if self.network.real else 0] * shape[2]
            for y, x, c in product(*map(range, sources[0].shape)):
                totals[c] = totals[c] + readers[0].get(sources[0], y, x, c)
                self.counts[additions] += 1
            self.tick_slots(sources[0].shape[0] * sources[0].shape[1] * shape[2])
            for c, total in enumerate(totals):
                self.leave(layer, 0, 0, c, total)
            self.tick_slots(shape[2] * rounds)
        elif isinstance(layer, MaxPool):
            self.pool(layer, sources[0])
        else:
            self.take(layer, sources)

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

    # Everything.

    def run(self, image: Any) -> None:
        layers, done = self.network.layers, set[str]()
        self.counts = self.by_layer["input"] = Counter()
        self.make_image(image)
        for number, layer in enumerate(layers):
            if layer.name in done:
                continue
            readers = [other for other in layers if layer.name in other.inputs]
            fused = isinstance(layer, SUMS) and all(isinstance(r, SCALERS) for r in readers)
            self.scalers: list[Any] = readers if fused else []
            done |= {scaler.name for scaler in self.scalers}
            for made in self.scalers or [layer]:
                self.make_memory(made)
            self.map_bytes = max(self.map_bytes, sum(self.held(number, done, layer)))
            self.counts = self.by_layer[layer.name] = Counter()
            if isinstance(layer, Conv):
                self.run_conv(layer)
            else:
                self.run_other(layer)

    def held(self, number: int, done: set[str], layer: Any) -> list[int]:
        """Bytes of the maps that this or a later pass reads, or that this one makes."""
        still = [other for other in self.network.layers[number:] if other.name not in done]
        wanted = {name for other in [*still, layer] for name in other.inputs}
        wanted |= {made.name for made in self.scalers or [layer]}
        return [m.words * m.word_lanes for name, m in self.memories.items() if name in wanted]

    @property
    def total(self) -> Counter[str]:
        """All counts, and the banks that are on."""
        total = sum(self.by_layer.values(), Counter[str]())
        for size in (self.weight_bytes, self.map_bytes, self.partial_bytes):
            total["banks"] += -(-size // self.bank_bytes)
        return total

"""What the digital processor does, once more: cycle by cycle, lane by lane, in plain Python.

Every sum comes from what a processing element finds in two lanes of packed codes. Nothing is
computed that is not walked through, and nothing of `neurobot.mac` is imported.
"""

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
from naive_lanes import Code, Operand, Reader, found, multiply, written
from naive_passes import SCALERS, SUMS, Passes
from naive_qnet import starts

from neurobot.qnet import Conv


class Machine(Passes):
    """A processor that runs a network once."""

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
            outs = [
                group * self.made + o for o in range(first, min(first + self.columns, self.made))
            ]
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
        raw = sum(word << (k * self.weight_word_bits) for k, word in enumerate(words))
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
        return total + sum(int(operand.value) for operand in operands)

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
                    sums = [self.meet(w, operands, s) for w, s in zip(weights, sums, strict=True)]
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
            self.scalers = list(readers) if fused else []
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

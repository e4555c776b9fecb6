"""The memories of a chip: which there are, and their words as text.

A memory's text is what Verilog's `$readmemh` reads: one word per line, in two's complement and
lower-case hexadecimal digits, as many as the width needs.
"""

import math
import re
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurobot.fixed import Ints, check_range, signed_range, whole_numbers
from neurobot.neurons import RANGES, Neurons
from neurobot.poppins import Chip, Poppins, Population

POPULATIONS = ("first", "second")
CROSSINGS = ("forward", "backward")
STIMULI = ("tonic", "amplitude")


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory for words of low..high, in two's complement if low is below 0."""

    name: str
    shape: tuple[int, ...]
    low: int
    high: int

    @property
    def bits(self) -> int:
        """Width of a word."""
        return self.high.bit_length() + (self.low < 0)

    @property
    def digits(self) -> int:
        """Hexadecimal digits of a word."""
        return -(-self.bits // 4)

    @property
    def words(self) -> int:
        """How many words it holds."""
        return math.prod(self.shape)

    @property
    def length(self) -> int:
        """Length of its text in bytes."""
        return self.words * (self.digits + 1)

    def encode(self, values: ArrayLike) -> bytes:
        """Write words of the memory's shape as text, the last index running fastest."""
        words = whole_numbers(self.name, values, self.shape)
        check_range(self.name, words, self.low, self.high)
        mask = (1 << self.bits) - 1
        whole = words.astype(np.int64).ravel().tolist()
        return "".join(f"{word & mask:0{self.digits}x}\n" for word in whole).encode()

    def decode(self, text: bytes) -> Ints:
        """Read the words of a text of the memory's length, or say which line is wrong."""
        pattern, width = re.compile(rb"[0-9a-f]{%d}\n" % self.digits), self.digits + 1
        words = []
        for number in range(self.words):
            line = text[number * width : (number + 1) * width]
            if not pattern.fullmatch(line):
                raise ValueError(
                    f"line {number + 1}: {line!r} found; allowed: {self.digits} lower-case "
                    "hexadecimal digits and a line feed"
                )
            word = int(line, 16)
            if self.low < 0 and word >> (self.bits - 1) == 1:
                word -= 1 << self.bits
            if not self.low <= word <= self.high:
                raise ValueError(
                    f"line {number + 1}: {word} found; allowed: {self.low}..{self.high}"
                )
            words.append(word)
        return np.array(words, np.int32).reshape(self.shape)


def list_memories(chip: Chip, sizes: tuple[int, int], crossings: Container[object]) -> list[Memory]:
    """List a chip's memories for populations of these sizes, with these matrices between them."""
    weight, stimulus = signed_range(chip.weight_bits), signed_range(chip.stimulus_bits)
    per_neuron = RANGES | dict.fromkeys(STIMULI, stimulus)
    memories = []
    for name, size in zip(POPULATIONS, sizes, strict=True):
        memories.append(Memory(f"{name}.weights", (size, size), *weight))
        memories += [Memory(f"{name}.{key}", (size,), *ends) for key, ends in per_neuron.items()]
    for name, shape in zip(CROSSINGS, (sizes, sizes[::-1]), strict=True):
        if name in crossings:
            memories.append(Memory(name, shape, *weight))
    return memories


def unload(network: Poppins) -> dict[str, ArrayLike]:
    """Return what each memory holds, by its name."""
    words: dict[str, ArrayLike] = {}
    amplitude, tonic = network.stimulus
    start = 0
    for name in POPULATIONS:
        population: Population = getattr(network, name)
        part = slice(start, start := start + len(population))
        words[f"{name}.weights"] = population.weights
        words |= {f"{name}.{key}": getattr(population.neurons, key) for key in RANGES}
        words |= {f"{name}.tonic": tonic[part], f"{name}.amplitude": amplitude[part]}
    matrices = ((name, getattr(network, name)) for name in CROSSINGS)
    return words | {name: matrix for name, matrix in matrices if matrix is not None}


def load_population(name: str, words: dict[str, Ints]) -> Population:
    """Configure the neurons of one population."""
    try:
        neurons = Neurons(**{key: words[f"{name}.{key}"] for key in RANGES})
    except ValueError as error:
        raise ValueError(f"{name} population: {error}") from error
    return Population(neurons, words[f"{name}.weights"])


def load(chip: Chip, words: dict[str, Ints]) -> Poppins:
    """Configure a chip with what its memories hold, by their names."""
    first, second = (load_population(name, words) for name in POPULATIONS)
    tonic, amplitude = (
        np.concatenate([words[f"{name}.{key}"] for name in POPULATIONS]) for key in STIMULI
    )
    forward, backward = (words.get(name) for name in CROSSINGS)
    return Poppins(first, second, amplitude, tonic, forward, backward, chip)

"""A streaming machine with faults, once more: registers that wrap, delay lines that are shifted.

Every stage takes its turn alone, from the first clock to the last, on queues of plain Python
integers; when what arrives follows from the clock of each place alone.
"""

from collections import deque
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from naive_tdnn import Map, clock_of, naive_line, naive_windows, size_of

from neurobot.tdnn import Net, Neurons, Stage

Synapses = dict[tuple[int, ...], int]  # neuron, row, column and channel -> a number of it
Hit = tuple[int, str, int, int, int]  # clock, stage, channel, delay and bit


@dataclass
class Held:
    """What a layer holds, whatever it was made with; leaves, shifts: of each synapse."""

    weights: Synapses
    leaves: Synapses
    shifts: Synapses
    scales: list[int]
    biases: list[int]


@dataclass
class Word:
    """A value in a delay line, and the strikes that it met."""

    value: int
    struck: list[int] = field(default_factory=list)


def wrapped(value: int, bits: int) -> int:
    """The low bits of a whole number, as a signed one."""
    low = value % (1 << bits)
    return low - (1 << bits) if low >= 1 << (bits - 1) else low


def hold(layer: Neurons) -> Held:
    """What a sound layer holds."""
    places = [at for at in product(*map(range, layer.weights.shape)) if layer.weights[at]]
    weights = {at: int(layer.weights[at]) for at in places}
    leaves, shifts = dict.fromkeys(places, 0), dict.fromkeys(places, 0)
    if layer.tree is not None:
        leaves = {at: int(layer.tree.leaf[at]) for at in places}
        shifts = {at: int(layer.tree.shifts[at[0], leaf]) for at, leaf in leaves.items()}
    return Held(weights, leaves, shifts, layer.scale.tolist(), layer.bias.tolist())


def fire(layer: Neurons, held: Held, neuron: int, total: int) -> int:
    """What a neuron makes of its sum."""
    scaled = wrapped(total, 32) * held.scales[neuron] + held.biases[neuron]
    code = wrapped(scaled, 64) // int(2**layer.shift)
    if layer.low is None or layer.high is None:
        return code
    code = min(max(int(layer.low), code), int(layer.high))
    return code + code - int(2**layer.bits) + 1 if layer.odd else code


def bits_of(net: Net, number: int) -> tuple[int, bool]:
    """How many bits a value of a map takes, and whether it has a sign."""
    signal, bits = net.signals[number], 1
    signed = signal.lowest < 0
    while not -signed * 2 ** (bits - 1) <= signal.lowest <= signal.highest < 2 ** (bits - signed):
        bits += 1
    return bits, signed


def words_of(net: Net, number: int) -> list[tuple[int, int]]:
    """Channel and delay of all words of a stage's lines, by channel, from the newest on."""
    pitch = (1, 1)
    for before in net.stages[:number]:
        pitch = (pitch[0] * before.stride[0], pitch[1] * before.stride[1])
    assert net.clocking is not None
    words = []
    for u in range(net.signals[number].shape[2]):
        depth, _ = naive_line(net.stages[number], net.clocking, pitch, u)
        words += [(u, delay + 1) for delay in range(depth)]
    return words


class Shifted:
    """A net whose delay lines are struck: maps by stage, and which strikes were read."""

    def __init__(self, net: Net, held: dict[str, Held], image: Any, hits: list[Hit]) -> None:
        self.net, self.held, self.hits = net, held, hits
        self.felt: set[int] = set()
        rows, columns, channels = net.input_shape
        places = product(range(rows), range(columns), range(channels))
        self.maps: list[Map] = [{(r, c, u): int(image[r][c][u]) for r, c, u in places}]
        for number, stage in enumerate(net.stages):
            self.maps.append(self.run(number, stage, self.maps[-1]))

    @property
    def scores(self) -> list[int]:
        last = self.maps[-1]
        return [last[place] for place in sorted(last)]

    def run(self, number: int, stage: Stage, given: Map) -> Map:
        """Shift the lines of a stage clock by clock, and let windows look at them when due."""
        rows, columns = stage.kernel
        arrivals = {clock_of(self.net, number, *at): at for at in {key[:2] for key in given}}
        due = {}
        for r, c, y, x in naive_windows(stage, given):
            due[clock_of(self.net, number, y + rows - 1, x + columns - 1)] = r, c, y, x
        self.channels = sorted({key[2] for key in given})
        lines: deque[dict[int, Word]] = deque(maxlen=max(*arrivals, *due) + 1)
        made: Map = {}
        for clock in range(max(due) + 1):
            at = arrivals.get(clock)
            lines.appendleft({u: Word(given[(*at, u)] if at else 0) for u in self.channels})
            self.strike(number, stage.name, clock, lines)
            if clock in due:
                r, c, y, x = due[clock]
                taps = self.taps(number, stage, given, (y, x), clock)
                for u, value in enumerate(self.look(stage, lines, taps)):
                    made[r, c, u] = value
        return made

    def strike(self, number: int, name: str, clock: int, lines: deque[dict[int, Word]]) -> None:
        bits, signed = bits_of(self.net, number)
        for k, (when, where, channel, delay, bit) in enumerate(self.hits):
            if (when, where) == (clock, name) and delay < len(lines):
                word = lines[delay][channel]
                value = word.value ^ 1 << bit
                word.value = wrapped(value, bits) if signed else value
                word.struck.append(k)

    def taps(self, number: int, stage: Stage, given: Map, corner: Any, clock: int) -> Any:
        """The delay of each tap in the frame, by row and column of the window."""
        found, (rows, columns) = {}, size_of(given)
        for i, j in product(*map(range, stage.kernel)):
            y, x = corner[0] + i, corner[1] + j
            if 0 <= y < rows and 0 <= x < columns:
                found[i, j] = clock - clock_of(self.net, number, y, x)
        return found

    def read(self, word: Word) -> int:
        self.felt.update(word.struck)
        return word.value

    def look(self, stage: Stage, lines: Any, taps: Any) -> list[int]:
        if not isinstance(stage, Neurons):
            return [max(self.read(lines[d][u]) for d in taps.values()) for u in self.channels]
        held = self.held[stage.name]
        totals = [0] * len(held.biases)
        for (neuron, i, j, u), weight in held.weights.items():
            if (i, j) in taps:
                value = self.read(lines[taps[i, j]][u])
                totals[neuron] += weight * value * 2 ** held.shifts[neuron, i, j, u]
        return [fire(stage, held, neuron, total) for neuron, total in enumerate(totals)]

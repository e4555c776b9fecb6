"""What the machine of SRAM macros does, once more: tile by tile, cycle by cycle, in plain Python.

Every count is made by going through what is counted. Nothing of `neurobot.mars` is imported.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, product
from typing import Any, NamedTuple

from neurobot.qnet import Add, Affine, Conv, MaxPool, Network, Requant, Scores, SumPool


class Tile(NamedTuple):
    """A tile: its block, its position, its weights by row and column, which of them exist."""

    block: int
    position: int
    weights: list[list[int]]
    real: list[list[bool]]


def tiles_of(weights: Any, groups: int, rows: int, columns: int) -> list[list[Tile]]:
    """All tiles by block, in order of their positions."""
    out, high, wide = len(weights), len(weights[0]), len(weights[0][0])
    given = len(weights[0][0][0])
    made, blocks = out // groups, list[list[Tile]]()
    for group in range(groups):
        for first_out in range(0, made, columns):
            block = list[Tile]()
            for r, s in product(range(high), range(wide)):
                for first_in in range(0, given, rows):
                    values = [[0] * columns for _ in range(rows)]
                    real = [[False] * columns for _ in range(rows)]
                    for row, column in product(range(rows), range(columns)):
                        if first_in + row < given and first_out + column < made:
                            o = group * made + first_out + column
                            values[row][column] = int(weights[o][r][s][first_in + row])
                            real[row][column] = True
                    block.append(Tile(len(blocks), len(block), values, real))
            blocks.append(block)
    return blocks


def is_kept(tile: Tile) -> bool:
    return any(weight != 0 for row in tile.weights for weight in row)


def binary(value: int, most: int) -> str:
    """A number in as many digits as the largest one takes; in none, if that is 0."""
    return format(value, f"0{len(format(most, 'b'))}b") if most else ""


def write_index(blocks: list[list[bool]], code: str, gap_bits: int) -> str:
    """What a code says of which tiles of each block are kept, in digits."""
    if code == "bitmap":
        return "".join(str(int(kept)) for block in blocks for kept in block)
    heads = "".join(binary(sum(block), len(block)) for block in blocks)
    return heads + "".join(TAILS[code](block, gap_bits) for block in blocks)


def list_tail(block: list[bool], _: int) -> str:
    return "".join(binary(p, len(block) - 1) for p, kept in enumerate(block) if kept)


def delta_tail(block: list[bool], gap_bits: int) -> str:
    digits, gap, most = "", 0, 2**gap_bits - 1
    for kept in block:
        if kept:
            while gap >= most:
                digits += binary(most, most)
                gap -= most
            digits += binary(gap, most)
            gap = 0
        else:
            gap += 1
    return digits


TAILS = {"list": list_tail, "delta": delta_tail}


def shortest_index(blocks: list[list[bool]]) -> tuple[str, int, str]:
    """The code, its bits of a gap, and what it says: the shortest, and the first of equal ones."""
    found = [("bitmap", 0), ("list", 0), ("delta", 2), ("delta", 3), ("delta", 4)]
    return min(
        ((code, bits, write_index(blocks, code, bits)) for code, bits in found),
        key=lambda each: len(each[2]),
    )


def read_tiles(
    digits: Iterator[str], blocks: Iterable[int], positions: int, code: str, gap_bits: int
) -> Iterator[tuple[int, int]]:
    """Where an index of some blocks puts one tile after the other, read digit by digit."""

    def take(count: int) -> int:
        word = "".join(islice(digits, count))
        if len(word) < count:
            raise EOFError
        return int(word or "0", 2)

    if code == "bitmap":
        yield from ((b, p) for b in blocks for p in range(positions) if take(1))
        return
    counts = [(block, take(len(format(positions, "b")))) for block in blocks]
    for block, count in counts:
        position = -1
        for _ in range(count):
            if code == "list":
                position = take(len(format(positions - 1, "b")) if positions > 1 else 0)
            else:
                while (gap := take(gap_bits)) == 2**gap_bits - 1:
                    position += gap
                position += gap + 1
            yield block, position


def read_index(
    digits: str, blocks: int, positions: int, code: str, gap_bits: int
) -> list[list[bool]]:
    """Which tiles an index says are kept."""
    left = iter(digits)
    mask = [[False] * positions for _ in range(blocks)]
    for block, position in read_tiles(left, range(blocks), positions, code, gap_bits):
        mask[block][position] = True
    assert next(left, None) is None, "digits are left"
    return mask


def deal(kept: list[int], cores: int) -> list[list[int]]:
    """The blocks of each core: again and again the largest one left, to whom has the fewest."""
    left, dealt = list(range(len(kept))), [list[int]() for _ in range(cores)]
    while left:
        block = max(left, key=lambda b: (kept[b], -b))
        left.remove(block)
        core = min(range(cores), key=lambda c: (sum(kept[b] for b in dealt[c]), c))
        dealt[core].append(block)
    return [sorted(blocks) for blocks in dealt]


class Walk:
    """A core that goes through its tiles of a layer, given by their blocks, once."""

    def __init__(self, blocks: list[int], places: int, accesses: int, silicon: Any, resident: bool):
        self.silicon, self.places, self.accesses = silicon, places, accesses
        self.tile_bits = silicon.rows * silicon.partitions * 8
        self.paired = silicon.refill == "paired" and not resident
        self.macros = silicon.macros // 2 if self.paired else silicon.macros
        self.resident = resident
        self.counts: Counter[str] = Counter()
        self.fills = self.fill(blocks)
        self.computing = self.refilling = 0
        self.cycles = self.go()
        self.set_aside()

    def fill(self, blocks: list[int]) -> list[list[list[int]]]:
        """The blocks of the tiles that each macro holds in each fill."""
        fills, left = [], list(blocks)
        held = self.silicon.macro_bits // self.tile_bits
        if self.resident:
            held = max(len(left), 1)
        while left:
            now, left = left[: held * self.macros], left[held * self.macros :]
            fills.append([now[m :: self.macros] for m in range(self.macros)])
        return fills

    def write(self, fill: list[list[int]]) -> int:
        """Cycles until all macros are written, each by its own port."""
        left, cycles = [len(tiles) * self.tile_bits for tiles in fill], 0
        while any(bits > 0 for bits in left) and not self.resident:
            left = [bits - self.silicon.write_bits for bits in left]
            cycles += 1
        self.refilling += cycles
        return cycles

    def compute(self, fill: list[list[int]]) -> int:
        """Cycles until all macros have met all places with all their tiles."""
        cycles = 0
        for _ in range(self.places):
            waiting = [len(tiles) * self.accesses for tiles in fill]
            while any(waiting):
                self.counts["accesses"] += sum(n > 0 for n in waiting)
                waiting = [max(n - 1, 0) for n in waiting]
                cycles += 1
        self.computing += cycles
        return cycles

    def go(self) -> int:
        """Cycles of the core, by itself."""
        if self.silicon.refill == "overlapped":
            writes = [self.write(fill) for fill in self.fills]
            return max(sum(writes), sum(self.compute(fill) for fill in self.fills))
        if not self.paired:
            return sum(self.write(fill) + self.compute(fill) for fill in self.fills)
        cycles, left = 0, list(self.fills)
        ready: list[list[int]] = []
        while left or ready:
            writing = left.pop(0) if left else []
            busy, filling = self.compute(ready), self.write(writing)
            while busy > 0 or filling > 0:
                busy, filling, cycles = busy - 1, filling - 1, cycles + 1
            ready = writing
        return cycles

    def set_aside(self) -> None:
        """Count how often sums of a block go from one fill to a later one."""
        met = [{block for macro in fill for block in macro} for fill in self.fills]
        for k, now in enumerate(met):
            for block in now:
                if any(block in later for later in met[k + 1 :]):
                    self.counts["crossings"] += 1


def stream(computes: list[int], refills: list[int]) -> list[int]:
    """Cycles of each layer while images follow each other and weights are written without a pause.

    A layer's last cycle is not before that of its weights' writing.
    """
    before: list[int] = []
    clock, written = 0, 0
    for _ in range(10_000):
        now = []
        for compute, refill in zip(computes, refills, strict=True):
            written += refill
            start = clock
            while clock < start + compute or clock < written:
                clock += 1
            now.append(clock - start)
        if now == before:
            return now
        before = now
    raise AssertionError("images never come evenly")


def held_bits(signal: Any) -> int:
    """Bits of a value in memory: 4, or whole bytes, for its least and greatest number."""
    bits = needed_bits(signal)
    return 4 if bits <= 4 else 8 * -(-bits // 8)


def needed_bits(signal: Any) -> int:
    bits = 1
    while True:
        low, high = (
            (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signal.lowest < 0 else (0, 2**bits - 1)
        )
        if low <= signal.lowest and signal.highest <= high:
            return bits
        bits += 1


class Machine:
    """A machine that takes one image; counts by layer, bytes of each memory."""

    def __init__(self, network: Network, silicon: Any) -> None:
        self.network, self.silicon = network, silicon
        self.counts: dict[str, Counter[str]] = {}
        self.cycles: dict[str, tuple[int, int, int]] = {}
        self.weights = [0] * silicon.cores
        self.partials = [0] * silicon.cores
        self.passes = self.find_passes()
        self.resident = self.fits_at_once()
        for layer, scaling in self.passes:
            self.run(layer, scaling)
        if silicon.refill == "overlapped":
            works = [max(compute, post) for compute, _, post in self.cycles.values()]
            refills = [refill for _, refill, _ in self.cycles.values()]
            for name, cycles in zip(self.cycles, stream(works, refills), strict=True):
                self.counts[name]["cycles"] = cycles
        self.features = self.hold_maps()

    def find_passes(self) -> list[tuple[Any, list[Any]]]:
        done: set[str] = set()
        found = []
        for layer in self.network.layers:
            readers = [other for other in self.network.layers if layer.name in other.inputs]
            sums = isinstance(layer, Conv | Add | SumPool)
            fused = sums and all(isinstance(r, Requant | Scores | Affine) for r in readers)
            if layer.name not in done:
                found.append((layer, readers if fused else []))
                done |= {reader.name for reader in readers if fused}
        return found

    def slot(self, conv: Conv) -> int:
        return 4 if conv.weight_bits + int(conv.odd) <= 4 else 8

    def blocks(self, conv: Conv) -> list[list[Tile]]:
        columns = self.silicon.partitions * (8 // self.slot(conv))
        return tiles_of(conv.integers.tolist(), conv.groups, self.silicon.rows, columns)

    def tile_lists(self, conv: Conv) -> list[list[int]]:
        """By core, the block of each kept tile, in order."""
        kept = [sum(map(is_kept, block)) for block in self.blocks(conv)]
        return [
            [b for b in blocks for _ in range(kept[b])] for blocks in deal(kept, self.silicon.cores)
        ]

    def fits_at_once(self) -> bool:
        """Deal all tiles of all layers over the macros, each layer's evenly."""
        tile_bits = self.silicon.rows * self.silicon.partitions * 8
        for core in range(self.silicon.cores):
            fullest = 0
            for layer, _ in self.passes:
                if isinstance(layer, Conv):
                    fullest += len(self.tile_lists(layer)[core][:: self.silicon.macros])
            if fullest * tile_bits > self.silicon.macro_bits:
                return False
        return True

    def words(self, bits: int) -> int:
        count = 0
        while bits > 0:
            bits, count = bits - self.silicon.word_bits, count + 1
        return count

    def map_words(self, name: str) -> int:
        signal = self.network.signals[name]
        return self.words(signal.values * held_bits(signal))

    def run(self, layer: Any, scaling: list[Any]) -> None:
        counts = self.counts[layer.name] = Counter[str]()
        made = [each.name for each in scaling] or [layer.name]
        scalers = [each for each in [layer, *scaling] if isinstance(each, Requant | Scores)]
        rows, columns, channels = self.network.signals[made[0]].shape
        values = rows * columns * channels
        scale_words = sum(self.words(128 * channels) for _ in scalers)
        for _ in scalers:
            counts["requantizations"] += values
        counts["weight_reads"] += scale_words
        counts["feature_writes"] = sum(map(self.map_words, made))
        handled = values * max(len(scaling), 1)
        compute = refill = alone = 0
        if isinstance(layer, Conv):
            compute, refill, alone = self.run_conv(layer, counts, rows * columns)
        else:
            counts["feature_reads"] = sum(map(self.map_words, layer.inputs))
            handled = self.run_other(layer, counts, values, handled)
        for core in range(self.silicon.cores):
            share = -(-scale_words // self.silicon.cores)
            self.weights[core] += share * self.silicon.word_bits // 8
        post = 0
        while handled > 0:
            handled, post = handled - self.silicon.post_lanes, post + 1
        counts["cycles"] = max(alone, post)
        self.cycles[layer.name] = compute, refill, post

    def run_conv(self, conv: Conv, counts: Counter[str], places: int) -> tuple[int, int, int]:
        silicon, blocks, slot = self.silicon, self.blocks(conv), self.slot(conv)
        signal = self.network.signals[conv.inputs[0]]
        bits = needed_bits(signal)
        wide = f"{slot}w{4 if bits <= 4 else 8}a"
        accesses, columns = 1, silicon.partitions * (8 // slot)
        while accesses * silicon.input_bits < bits:
            accesses += 1
        tile_words = self.words(silicon.rows * columns * slot)
        for tile in (tile for block in blocks for tile in block):
            real = sum(map(sum, tile.real))
            for _ in range(places):
                if not is_kept(tile):
                    counts["skipped_macs"] += real
                    continue
                counts[f"macs_{wide}"] += silicon.rows * columns
                counts["padded_macs"] += silicon.rows * columns - real
                counts["accumulations"] += accesses * columns
                counts["feature_reads"] += self.words(silicon.rows * held_bits(signal))
        mask = [[is_kept(tile) for tile in block] for block in blocks]
        code, gap_bits, _ = shortest_index(mask)
        dealt = deal([sum(block) for block in mask], silicon.cores)
        walks = []
        for core, tiles in enumerate(self.tile_lists(conv)):
            index = sum(len(write_index([mask[b]], code, gap_bits)) for b in dealt[core])
            counts["index_reads"] += self.words(index)
            held = len(tiles) * tile_words + self.words(index)
            self.weights[core] += held * silicon.word_bits // 8
            walk = Walk(tiles, places, accesses, silicon, self.resident)
            walks.append(walk)
            counts["accesses"] += walk.counts["accesses"]
            for _ in range(walk.counts["crossings"]):
                counts["partial_reads"] += places * columns
                counts["partial_writes"] += places * columns
                self.partials[core] = max(self.partials[core], places * columns * 4)
            if not self.resident:
                counts["weight_reads"] += len(tiles) * tile_words
                counts["weight_writes"] += len(tiles) * tile_words
        return (
            max(walk.computing for walk in walks),
            max(walk.refilling for walk in walks),
            max(walk.cycles for walk in walks),
        )

    def run_other(self, layer: Any, counts: Counter[str], values: int, handled: int) -> int:
        """Count what a layer without weights does; return how many values are handled."""
        source = self.network.signals[layer.inputs[0]]
        if isinstance(layer, Add):
            counts["additions"] = values
        if isinstance(layer, SumPool):
            counts["additions"] = source.values
            return handled + source.values
        if isinstance(layer, MaxPool):
            met = 0
            rows, columns, channels = source.shape
            made = self.network.signals[layer.name].shape
            for y, x in product(range(made[0]), range(made[1])):
                for i, j in product(range(layer.size[0]), range(layer.size[1])):
                    row = y * layer.stride[0] - layer.padding[0] + i
                    column = x * layer.stride[1] - layer.padding[1] + j
                    met += channels * (0 <= row < rows and 0 <= column < columns)
            counts["maxima"] = met - values
            return met
        return handled

    def hold_maps(self) -> list[int]:
        """The most bytes of maps that lie in each feature memory at a time."""
        side, most = {"input": 0}, [0, 0]
        lying = {"input"}
        for number, (layer, scaling) in enumerate([(None, []), *self.passes]):
            if layer is not None:
                made = {each.name for each in scaling} or {layer.name}
                side |= dict.fromkeys(made, 1 - side[layer.inputs[0]])
                lying |= made
            for s in (0, 1):
                words = [self.map_words(name) for name in lying if side[name] == s]
                most[s] = max(most[s], sum(words) * self.silicon.word_bits // 8)
            later = {name for other, _ in self.passes[number:] for name in other.inputs}
            lying &= later
        return most

    @property
    def arrival(self) -> Counter[str]:
        sizes = [*self.weights, *self.partials, *self.features]
        return Counter(
            feature_writes=self.map_words("input"),
            macros=self.silicon.cores * self.silicon.macros,
            banks=sum(-(-size // self.silicon.bank_bytes) for size in sizes),
        )

"""What chips did, counted exactly; a kind of counts for each kind of chip."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from operator import add
from typing import Any, ClassVar, TypeVar

Same = TypeVar("Same", bound="Counts")


class Counts:
    """Base of a chip's exact counts; prices are in `neurobot.cost`.

    A kind is a frozen dataclass of integers, all 0 by default, `cycles` among them. Its class
    attributes: `chip`, the name by which cost tables know its prices; `unit`, what `operations`
    are, "" where there is no such thing; `held`, the fields that say what is switched on: a sum of
    counts keeps the most of them; `tariff`, a `neurobot.cost.Tariff` of a chip that no cost table
    knows: its prices are the same in all.
    """

    __slots__ = ()
    chip: ClassVar[str] = "unknown"
    unit: ClassVar[str] = ""
    held: ClassVar[frozenset[str]] = frozenset()
    tariff: ClassVar[Any] = None
    cycles: int

    @property
    def operations(self) -> int:
        """How many operations of its unit the chip did."""
        return 0

    def __add__(self: Same, other: Same) -> Same:
        if type(other) is not type(self):
            found = getattr(other, "chip", type(other).__name__)
            raise TypeError(f"counts of {found} found, of {self.chip} needed to add them up")
        joins = joins_of(type(self))  # type: ignore[arg-type]
        return type(self)(*[join(getattr(self, n), getattr(other, n)) for n, join in joins])

    def times(self: Same, count: int) -> Same:
        """Return what so many of the same take; what is switched on stays on."""
        joins = joins_of(type(self))  # type: ignore[arg-type]
        return type(self)(*[getattr(self, n) * (1 if join is max else count) for n, join in joins])


@cache
def joins_of(kind: type[Counts]) -> list[tuple[str, Callable[[int, int], int]]]:
    """Return what joins two values of each field of a kind of counts."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return [(name, max if name in kind.held else add) for name in names]


@dataclass(frozen=True, slots=True)
class Events(Counts):
    """Counts of the spiking chip.

    A synaptic operation is one spike delivered to one target with a weight other than zero; a
    weight read happens for every target in the row of a neuron that spiked, zero weights included.
    """

    chip: ClassVar[str] = "poppins"
    unit: ClassVar[str] = "SOP"

    ticks: int = 0
    cycles: int = 0
    stimuli: int = 0  # external input spikes
    spikes: int = 0
    messages: int = 0  # spikes that leave for the other population
    synaptic_ops: int = 0
    weight_reads: int = 0
    current_writes: int = 0
    decays: int = 0
    membrane_updates: int = 0

    @property
    def operations(self) -> int:
        """Synaptic operations."""
        return self.synaptic_ops


@dataclass(frozen=True, slots=True)
class MacEvents(Counts):
    """Counts of the digital processor of `neurobot.mac`.

    A multiply-accumulate (MAC) is one weight times one input, padding included, in the precision of
    its layer: those that switch are counted by mode, those that an input of 0 kept still apart.
    """

    chip: ClassVar[str] = "mac"
    unit: ClassVar[str] = "MAC"
    held: ClassVar[frozenset[str]] = frozenset({"banks"})

    cycles: int = 0
    macs_1b: int = 0
    macs_2b: int = 0
    macs_3b: int = 0
    macs_4b: int = 0
    macs_5b: int = 0
    macs_6b: int = 0
    macs_7b: int = 0
    macs_8b: int = 0
    macs_fp32: int = 0
    gated_macs: int = 0
    accumulations: int = 0  # additions of packed products to an integer accumulator
    sum_accumulations: int = 0  # of packed inputs, which mid-rise weights need
    offset_additions: int = 0  # of weights, which mid-rise inputs need: one for each such MAC
    weight_reads: int = 0  # words, those of scales included
    weight_loads: int = 0  # lanes of 8 bits into registers of a weight-stationary array
    activation_reads: int = 0  # words
    activation_writes: int = 0  # words
    partial_reads: int = 0  # accumulators that a weight-stationary array sets aside
    partial_writes: int = 0
    requantizations: int = 0  # products and sums that make codes or scores of accumulators
    affines_fp32: int = 0  # the same in floating point
    additions: int = 0  # of layers that add maps or sum them up
    additions_fp32: int = 0
    maxima: int = 0  # comparisons of layers that take maxima
    banks: int = 0  # of memory, switched on all the time

    @property
    def macs(self) -> int:
        """All multiply-accumulates, still ones included."""
        moved: int = sum(getattr(self, name) for name in MODE_FIELDS)
        return moved + self.gated_macs

    @property
    def operations(self) -> int:
        """Multiply-accumulates, still ones included."""
        return self.macs


@dataclass(frozen=True, slots=True)
class InsightEvents(Counts):
    """Counts of the streaming machine of `neurobot.insight`.

    A multiply-accumulate (MAC) is what one synapse does for one window of the map that its stage
    makes; with a tap outside of the frame, which reads 0, or on a 0 inside of it, it stays still.
    """

    chip: ClassVar[str] = "insight"
    unit: ClassVar[str] = "MAC"
    held: ClassVar[frozenset[str]] = frozenset({"synapses", "neurons", "delay_words"})

    cycles: int = 0  # from a frame's last sample until its scores are there
    samples: int = 0  # clocks in which frames stream in, those without a sample included
    macs: int = 0  # whose input is not 0
    still_macs: int = 0
    tree_sums: int = 0  # additions of neurons that join others in a tree: of each of them
    evaluations: int = 0  # results of hardware neurons, those of trees included
    comparisons: int = 0  # for window maxima: of each window one less than it has taps
    line_writes: int = 0  # samples into delay lines, one for each place and channel of a map
    word_shifts: int = 0  # words that move if all lines are shift registers without clock enable
    synapses: int = 0  # with those of trees
    neurons: int = 0  # with those of trees
    delay_words: int = 0  # of all lines, with a word for each clock

    @property
    def operations(self) -> int:
        """Multiply-accumulates, still ones included."""
        return self.macs + self.still_macs


@dataclass(frozen=True, slots=True)
class MarsEvents(Counts):
    """Counts of the machine of SRAM macros of `neurobot.mars`.

    A multiply-accumulate (MAC) is one weight of a stored tile times one input, padding included:
    that of the map and that of channels up to a full tile. They are counted by the bits that a
    weight takes in a macro (4 or 8) and by whether the inputs have at most 4 bits or at most 8.
    """

    chip: ClassVar[str] = "mars"
    unit: ClassVar[str] = "MAC"
    held: ClassVar[frozenset[str]] = frozenset({"macros", "banks"})

    cycles: int = 0
    macs_4w4a: int = 0
    macs_4w8a: int = 0
    macs_8w4a: int = 0
    macs_8w8a: int = 0
    padded_macs: int = 0  # of all these, those of channels that are not there
    skipped_macs: int = 0  # that tiles that are not stored would do, of channels that are there
    accesses: int = 0  # of a macro, each in a cycle
    accumulations: int = 0  # additions of a column's result to a sum of 32 bits
    weight_reads: int = 0  # words of the weight memories: tiles and scales
    weight_writes: int = 0  # words, as they are read, into macros
    index_reads: int = 0  # words of the weight memories
    feature_reads: int = 0  # words
    feature_writes: int = 0  # words
    partial_reads: int = 0  # sums that wait for another fill of the macros
    partial_writes: int = 0
    requantizations: int = 0  # products and sums that make codes or scores of sums
    additions: int = 0  # of layers that add maps or sum them up
    maxima: int = 0  # comparisons of layers that take maxima
    macros: int = 0  # switched on all the time
    banks: int = 0  # of memory, switched on all the time

    @property
    def macs(self) -> int:
        """All multiply-accumulates that were executed."""
        return self.macs_4w4a + self.macs_4w8a + self.macs_8w4a + self.macs_8w8a

    @property
    def executed_macs(self) -> int:
        """Those of channels that are there."""
        return self.macs - self.padded_macs

    @property
    def dense_macs(self) -> int:
        """Those of the network itself: skipped ones included, padded channels left out."""
        return self.executed_macs + self.skipped_macs

    @property
    def operations(self) -> int:
        """Multiply-accumulates that were executed."""
        return self.macs


@dataclass(frozen=True, slots=True)
class CimEvents(Counts):
    """Counts of the machine of arrays of memory cells of `neurobot.column_cim`.

    A multiply-accumulate (MAC) is one weight times one input of a layer, both whole, those on
    padding of the map included: in arrays, where it takes as many cells as its weight has slices
    and as many cycles as its input has parts; or in the digital unit. What an input of 0 keeps
    still is left out of row drives, of their bits, of cell reads and of input sums alone.
    """

    chip: ClassVar[str] = "cim"
    unit: ClassVar[str] = "MAC"
    held: ClassVar[frozenset[str]] = frozenset({"arrays", "array_bits", "constants", "banks"})

    cycles: int = 0
    array_macs: int = 0
    digital_macs: int = 0
    row_drives: int = 0  # a word line that is on for a cycle, once for each array that it crosses
    drive_bits: int = 0  # of what drives them
    cell_reads: int = 0  # driven rows times columns in use
    conversions_1b: int = 0
    conversions_2b: int = 0
    conversions_3b: int = 0
    conversions_4b: int = 0
    conversions_5b: int = 0
    conversions_6b: int = 0
    conversions_7b: int = 0
    conversions_8b: int = 0
    conversions_9b: int = 0
    conversions_10b: int = 0
    conversions_11b: int = 0
    conversions_12b: int = 0
    conversions_13b: int = 0
    conversions_14b: int = 0
    conversions_15b: int = 0
    conversions_16b: int = 0
    ideal_conversions: int = 0  # of converters that lose nothing, and that nobody can price
    shift_adds: int = 0  # of codes: over cycles, and over slices where one step serves them all
    dequantizations: int = 0  # products of codes and constants, before sums of several arrays
    accumulations: int = 0  # additions of tiles' and slices' shares to an output's sum
    input_sums: int = 0  # additions of driven inputs, by tile, which offset codes need
    corrections: int = 0  # products of those sums and constants
    weight_reads: int = 0  # words: weights of the digital unit, and scales
    feature_reads: int = 0  # words
    feature_writes: int = 0  # words
    requantizations: int = 0  # products and sums that make codes or scores of sums
    additions: int = 0  # of layers that add maps or sum them up
    maxima: int = 0  # comparisons of layers that take maxima
    arrays: int = 0  # that hold the weights
    array_bits: int = 0  # of all their cells, used or not, switched on all the time
    constants: int = 0  # of dequantization, switched on all the time
    banks: int = 0  # of memory, switched on all the time

    @property
    def conversions(self) -> int:
        """All conversions, ideal ones included."""
        priced: int = sum(getattr(self, name) for name in CONVERSIONS)
        return priced + self.ideal_conversions

    @property
    def operations(self) -> int:
        """Multiply-accumulates, in arrays and in the digital unit."""
        return self.array_macs + self.digital_macs


MODE_FIELDS = tuple(field.name for field in fields(MacEvents) if field.name.startswith("macs_"))
CONVERSIONS = tuple(
    field.name for field in fields(CimEvents) if field.name.startswith("conversions_")
)
CHIPS: dict[str, type[Counts]] = {
    kind.chip: kind for kind in (Events, MacEvents, InsightEvents, MarsEvents, CimEvents)
}


def kinds(base: type[Counts] = Counts) -> Iterator[type[Counts]]:
    """Yield every kind of counts that some module has defined."""
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def kind_of(chip: str) -> type[Counts]:
    """Return the kind of counts of a chip: ours, or one that a user's module has defined."""
    known = {kind.chip: kind for kind in kinds()} | CHIPS
    if chip not in known:
        raise ValueError(f"events: unknown chip {chip!r}; known: {', '.join(known)}")
    return known[chip]

"""What codes that guard a memory take: more bits, more energy to read them, and their decoder.

All of it is assumed, by stated rules:

- bits are read in order, as words of the code: whatever the code adds is read as often as data is,
  and takes as much a bit; to read includes what the price of a read includes. Values whose reads
  have no price of their own take, by the bit, what the digital processor's words of weights take
- a decoder is two-input gates: parity, an XOR for each bit of a word; ecc, the odd-weight-column
  code of Hsiao (1970): each bit of data is in three checks, and each has a three-input AND and an
  XOR to correct it, and two trees tell one wrong bit from two; tmr, five for each bit's majority
- a gate takes what the mean gate of the 8-bit multiplier takes; low: half of it; high: three times
- more bits leak as the digital processor's banks of memory do
- what is computed where it lies is never read, so only copies guard it: three arrays work in place
  of one, refills and converters and all, and that part of a decision's energy is there three times
- constants that stand beside what uses them (the streaming machine's) are not read either: each
  word has a decoder of its own, which stands still; bits, as flip-flops, and decoders leak

Codes are decoded whenever a word is read; to encode, once, is left out, and so is any delay.
"""

from collections.abc import Sequence
from typing import NamedTuple

from neurobot.column_cim.silicon import Silicon as Arrays
from neurobot.cost import COST_TABLES, Tariff, column_cim, insight, mars
from neurobot.cost.nodes import NM_28, NM_180, cells
from neurobot.cost.prices import BOUNDS, Bound
from neurobot.cost.processor import BANK_KB, MULTIPLIER_CELLS, MULTIPLY_45_J, MULTIPLY_J
from neurobot.episodes import Record
from neurobot.events import Counts, InsightEvents, MacEvents
from neurobot.faults.memory import Memory
from neurobot.faults.protection import GUARDS, Layout
from neurobot.mac import MacArray
from neurobot.mars.silicon import Silicon as Macros
from neurobot.metrics import Row, counted, events_of, total

MEAN_GATE = "the mean gate of an 8-bit multiplier"
GATES = {  # by cost table
    "cells180": cells(MULTIPLY_J / MULTIPLIER_CELLS, MEAN_GATE),
    "scaled45": NM_180.logic(MULTIPLY_45_J / 64, MEAN_GATE),
    "scaled28": NM_28.logic(MULTIPLY_45_J / 64, MEAN_GATE),
}
GATE_RANGE = {"nominal": 1.0, "low": 0.5, "high": 3.0}
READS = "_reads"  # counts that end so are of words, and have a price of their own
WORD_READS = "weight_reads"
# Bits of a word; of other chips, those of a value.
WORD_BITS = {
    "mac": MacArray().weight_word_bits,
    "mars": Macros().word_bits,
    "cim": Arrays().word_bits,
}
# Events of what is computed where the weights lie, and of how they get there.
IN_MEMORY = {
    "mars": (*mars.COMPONENTS["macros"], *mars.COMPONENTS["refill"]),
    "cim": tuple(
        event
        for part in ("arrays", "row drives", "converters")
        for event in column_cim.COMPONENTS[part]
    ),
}
STANDING = (InsightEvents.chip,)  # whose constants stand beside what uses them
BANK_BITS = BANK_KB * 8 * 1024
HSIAO_CHECKS = 3  # that a bit of data is in
MAJORITY_GATES = 5


class Work(NamedTuple):
    """What a chip did, by counts, in so many seconds."""

    events: Counts
    decisions: float
    duration_s: float


def work_of(records: Sequence[Record]) -> Work | None:
    """Add up what some episodes took; None where nothing was counted."""
    kept = counted(records)
    if not kept:
        return None
    return Work(events_of(kept), total(kept, "decisions"), total(kept, "duration_s"))


def gates_of(protection: str, data_bits: int) -> int:
    """Return the two-input gates of a decoder of words of so many bits of data."""
    trees = 2 * (GUARDS["ecc"].check_bits(data_bits) - 1)
    return {
        "none": 0,
        "parity": data_bits,
        "ecc": HSIAO_CHECKS * data_bits + (2 + 1) * data_bits + trees,
        "tmr": MAJORITY_GATES * data_bits,
    }[protection]


def stored_share(layouts: Sequence[Layout]) -> float:
    """Return how many bits are stored for each bit of data."""
    return sum(each.size for each in layouts) / sum(each.memory.size for each in layouts)


def by_reads(layouts: Sequence[Layout]) -> dict[str, list[Layout]]:
    """Group what is read one word after the other, by the count of its reads."""
    groups: dict[str, list[Layout]] = {}
    for layout in layouts:
        if layout.memory.reads is not None and layout.memory.readable:
            groups.setdefault(layout.memory.reads, []).append(layout)
    return groups


def read_bits(name: str, layouts: Sequence[Layout], chip: str) -> int:
    """Return the bits of data that one of these reads takes: a word, or a value of each part."""
    if name.endswith(READS) and chip in WORD_BITS:
        return WORD_BITS[chip]
    if name.endswith(READS):
        return layouts[0].memory.bits
    return sum(layout.memory.bits for layout in layouts)


def read_j(name: str, bits: int, tariff: Tariff, words: Tariff, bound: Bound) -> float:
    """Return what a read of so many bits takes, in joules; words: prices of the processor."""
    price = tariff.prices.get(name) if name.endswith(READS) else None
    if price is not None:
        return price.at(bound)
    return bits / WORD_BITS[MacEvents.chip] * words.prices[WORD_READS].at(bound)


def dynamic_j(
    layouts: Sequence[Layout], protection: str, events: Counts, table: str, bound: Bound
) -> float:
    """Return what it takes to read the bits that a code adds, and to decode, in joules."""
    prices = COST_TABLES[table]
    tariff, words = prices.tariffs[events.chip], prices.tariffs[MacEvents.chip]
    gate_j = GATES[table].at(bound) * GATE_RANGE[bound]
    if events.chip in STANDING:
        return 0.0
    spent_j = 0.0
    for name, group in by_reads(layouts).items():
        reads, bits = getattr(events, name), read_bits(name, group, events.chip)
        gates = gates_of(protection, group[0].data_bits) / group[0].data_bits
        more_j = read_j(name, bits, tariff, words, bound) * (stored_share(group) - 1)
        spent_j += reads * (more_j + bits * gates * gate_j)
    return spent_j


def in_memory_j(layouts: Sequence[Layout], events: Counts, tariff: Tariff, bound: Bound) -> float:
    """Return what more arrays take that compute where weights lie, in joules."""
    inside = [layout for layout in layouts if not layout.memory.readable]
    names = IN_MEMORY.get(events.chip, ()) if inside else ()
    prices = [(getattr(events, name), tariff.prices.get(name)) for name in names]
    one_j = sum(count * price.at(bound) for count, price in prices if price)
    return one_j * (stored_share(inside) - 1) if inside else 0.0


def leaking_w(
    layouts: Sequence[Layout], protection: str, chip: str, table: str, bound: Bound
) -> float:
    """Return the power of the bits that a code adds; with decoders, where all stand still."""
    more = sum(each.size for each in layouts) - sum(each.memory.size for each in layouts)
    tariffs = COST_TABLES[table].tariffs
    if chip in STANDING:
        decoders = sum(each.words * gates_of(protection, each.data_bits) for each in layouts)
        gates = more * insight.BIT_GATES + decoders
        return gates / insight.WORD_GATES * tariffs[chip].held_w["delay_words"].at(bound)
    return more / BANK_BITS * tariffs[MacEvents.chip].held_w["banks"].at(bound)


def extra_j(
    layouts: Sequence[Layout], protection: str, work: Work, table: str, bound: Bound
) -> float | None:
    """Return what a code takes more for a decision, in joules; None where prices are not known."""
    tariff = COST_TABLES[table].tariffs.get(work.events.chip)
    if tariff is None or table not in GATES:
        return None
    chip = work.events.chip
    idle_j = leaking_w(layouts, protection, chip, table, bound) * work.duration_s
    reading_j = dynamic_j(layouts, protection, work.events, table, bound)
    inside_j = in_memory_j(layouts, work.events, tariff, bound)
    return (idle_j + reading_j + inside_j) / work.decisions


def decision_j(work: Work, table: str) -> float | None:
    """Return what a decision takes without any code, in joules; None: not priced."""
    tariff = COST_TABLES[table].tariff_of(work.events)
    if tariff is None:
        return None
    idle_j = tariff.idling_w(work.events) * work.duration_s
    return (tariff.dynamic_j(work.events) + idle_j) / work.decisions


def protection_row(
    memories: Sequence[Memory], protection: str, work: Work | None, table: str, word_bits: int
) -> Row:
    """Say what a code takes; refused says why it cannot be had, None where it can."""
    row: Row = {"protection": protection, "data_bits": sum(each.size for each in memories)}
    row |= dict.fromkeys(("stored_bits", "extra_j", "extra_low_j", "extra_high_j", "refused"))
    row["energy_j"] = work and decision_j(work, table)
    try:
        layouts = [Layout(memory, protection, word_bits) for memory in memories]
    except ValueError as error:
        return {**row, "refused": str(error)}
    row["stored_bits"] = sum(each.size for each in layouts)
    if work is not None:
        names = ("extra_j", "extra_low_j", "extra_high_j")
        found = [extra_j(layouts, protection, work, table, bound) for bound in BOUNDS]
        row |= dict(zip(names, found, strict=True))
    return row


def protections(
    memories: Sequence[Memory], sound: Sequence[Record], table: str, word_bits: int = 32
) -> list[Row]:
    """Return a row for each code that could guard memories; sound: episodes without faults.

    Keys: protection; data_bits and stored_bits, with the code; energy_j, of a decision without it;
    extra_j, what it adds to that, with extra_low_j and extra_high_j; refused.
    """
    work = work_of(sound)
    return [protection_row(memories, each, work, table, word_bits) for each in GUARDS]

"""Which bits matter in the closed loop: episodes in which a single bit was wrong from the start.

Each is compared with the sound episode in the same world. Bits are told by the part of the memory
that they are in and by their place in a value, 0 the lowest.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from neurobot.campaign.levels import Pair, spread, sweeps_of
from neurobot.campaign.runs import Runs
from neurobot.faults.draw import from_text
from neurobot.faults.memory import Memory
from neurobot.metrics import Row
from neurobot.statistics import mean, wilson


class Place(NamedTuple):
    """A bit: position of its value in a part of a memory, and in the value."""

    part: str
    value: int
    bit: int


def locate(memories: Sequence[Memory], place: int) -> Place:
    """Find a bit of memories that lie one after the other, and that nothing guards."""
    rest = place
    for memory in memories:
        if rest < memory.size:
            return Place(memory.part, *divmod(rest, memory.bits))
        rest -= memory.size
    raise ValueError(f"place: {place} found; allowed: less than {place - rest}")


def single_pairs(runs: Runs, memory: str) -> dict[str, list[Pair]]:
    """Return by controller the episodes with one inverted bit of a memory that nothing guards."""
    found: dict[str, list[Pair]] = {}
    for sweep, levels in sweeps_of(runs).items():
        faults = sweep.faults
        plain = faults.kind == "flip" and faults.burst == 1 and faults.protection == "none"
        if sweep.amount == "count" and faults.memory == memory and plain:
            found.setdefault(sweep.controller, []).extend(levels.get(1.0, {}).values())
    return {name: pairs for name, pairs in found.items() if pairs}


def struck(pair: Pair, memories: Sequence[Memory]) -> Place | None:
    """Return the bit that was wrong; None where the episode ended before it could be."""
    upsets = pair.hit.upsets
    if upsets is None or not upsets.injected:
        return None
    return locate(memories, int(from_text(upsets.drawn).place[0]))


def single_bits(
    pairs: Mapping[str, Sequence[Pair]], memories: Mapping[str, Sequence[Memory]]
) -> list[Row]:
    """Return a row for each controller, part and bit that was hit.

    memories: by controller, those that the faults were in. Keys of a row: controller, part, bit;
    flips; loss, the mean of by how much the score is below the sound one, with _low and _high;
    failed, the share of successes that were none any more, of `successes` sound ones, with _low
    and _high (None where there were none).
    """
    groups: dict[tuple[str, str, int], list[Pair]] = {}
    for controller, each in pairs.items():
        for pair in each:
            place = struck(pair, memories[controller])
            if place is not None:
                groups.setdefault((controller, place.part, place.bit), []).append(pair)
    rows = [bit_row(*name, group) for name, group in groups.items()]
    return sorted(rows, key=lambda row: order_of(row, memories))


def order_of(row: Row, memories: Mapping[str, Sequence[Memory]]) -> tuple[int, int, int]:
    """Put rows in the order of controllers, then of parts as they lie, then of bits."""
    parts = [memory.part for memory in memories[row["controller"]]]
    return list(memories).index(row["controller"]), parts.index(row["part"]), row["bit"]


def bit_row(controller: str, part: str, bit: int, pairs: Sequence[Pair]) -> Row:
    """Put all episodes in which such a bit was wrong into one row."""
    losses = np.array([pair.sound.score - pair.hit.score for pair in pairs])
    good = [pair for pair in pairs if pair.sound.success]
    failed = sum(not pair.hit.success for pair in good)
    low, high = wilson(failed, len(good)) if good else (None, None)
    return {
        "controller": controller, "part": part, "bit": bit, "flips": len(pairs),
        **spread("loss", mean([losses])),
        "successes": len(good), "failed": failed / len(good) if good else None,
        "failed_low": low, "failed_high": high,
    }  # fmt: skip

"""Which bits matter in single decisions: each inverted by itself, and what the wheels then get.

It takes no closed loop: what a brain saw on a sound drive is shown to it again, with one bit wrong
at a time. So thousands of bits can be tried in the time that some episodes take.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from neurobot.campaign.chips import Chip, open_chip
from neurobot.campaign.single import Place
from neurobot.episodes import Job
from neurobot.faults.memory import Memory, Substrate
from neurobot.faults.seats import parts_of
from neurobot.loop import Observation, Trial
from neurobot.metrics import Row
from neurobot.statistics import Floats, wilson

FLIPS, VIEWS = 16, 16


class Effect(NamedTuple):
    """What one wrong bit does."""

    place: Place
    changed: float  # share of the decisions that come out otherwise
    size: float  # by how much: the mean over decisions of the greatest change of an action's figure


def views_of(chip: Chip, seed: int, count: int) -> list[Observation]:
    """Return so many observations of a sound episode, evenly spread over it."""
    trial = Trial(chip.env, chip.controller, seed)
    seen = []
    while not trial.ended:
        seen.append({name: np.array(value) for name, value in trial.observation.items()})
        trial.step()
    return [seen[k] for k in np.linspace(0, len(seen) - 1, min(count, len(seen))).astype(int)]


def decide(controller: Any, views: Sequence[Observation]) -> Floats:
    """Return the actions (views, figures) that a controller takes."""
    controller.reset(0)
    return np.array([np.asarray(controller.act(view), np.float64) for view in views])


def sample(memories: Sequence[Memory], flips: int | None, seed: int) -> list[Place]:
    """Choose so many different bits of each part and place in a value, in order; None: all."""
    chance, found = np.random.default_rng(seed), []
    for memory in memories:
        for bit in range(memory.bits):
            count = memory.values if flips is None else min(flips, memory.values)
            values = np.sort(chance.choice(memory.values, count, replace=False))
            found += [Place(memory.part, int(value), bit) for value in values]
    return found


def invert(substrate: Substrate, part: int, place: Place) -> None:
    """Invert one bit of a configured memory."""
    code = substrate.read(part)[place.value] ^ np.uint64(1 << place.bit)
    substrate.write(part, np.array([place.value]), np.array([code], np.uint64))


def try_bits(
    chip: Chip, memory: str, views: Sequence[Observation], flips: int | None, seed: int
) -> Iterator[Effect]:
    """Invert bits of a configured memory one at a time, and yield what each of them does."""
    parts = parts_of(chip.substrate, memory)
    memories = [each for _, each in parts]
    if memories[0].state:
        raise ValueError(
            f"memory {memory!r} found, which lives for one decision at a time; "
            "allowed: a configured one"
        )
    numbers = {each.part: number for number, each in parts}
    right = decide(chip.controller, views)
    for place in sample(memories, flips, seed):
        chip.controller.reset(0)
        invert(chip.substrate, numbers[place.part], place)
        off = np.abs(decide(chip.controller, views) - right).max(axis=1)
        invert(chip.substrate, numbers[place.part], place)
        yield Effect(place, float((off > 0).mean()), float(off.mean()))


def criticality(
    job: Job, memory: str, *, flips: int | None = FLIPS, views: int = VIEWS, seed: int = 0
) -> list[Effect]:
    """Try bits of a memory of a job's controller, on what it sees in that (sound) episode.

    flips: how many bits of each part and place in a value, chosen by the seed; None: all of them.
    views: observations for each.
    """
    if views < 1 or (flips is not None and flips < 1):
        raise ValueError(f"views={views}, flips={flips} found; allowed: 1 or more of each")
    chip = open_chip(job)
    return list(try_bits(chip, memory, views_of(chip, job.seed, views), flips, seed))


def effects_by_bit(effects: Sequence[Effect]) -> list[Row]:
    """Return a row for each part and bit: flips; changed and size in the mean; mattered.

    mattered: the share of bits that changed some decision, with _low and _high.
    """
    groups: dict[tuple[str, int], list[Effect]] = {}
    for effect in effects:
        groups.setdefault((effect.place.part, effect.place.bit), []).append(effect)
    rows = []
    for (part, bit), group in groups.items():
        count = sum(effect.changed > 0 for effect in group)
        low, high = wilson(count, len(group))
        rows.append({
            "part": part, "bit": bit, "flips": len(group),
            "changed": float(np.mean([effect.changed for effect in group])),
            "size": float(np.mean([effect.size for effect in group])),
            "mattered": count / len(group), "mattered_low": low, "mattered_high": high,
        })  # fmt: skip
    return rows


def worst(effects: Sequence[Effect], count: int) -> list[Effect]:
    """Return the most critical bits, by how far they turn the wheels' commands."""
    return sorted(effects, key=lambda effect: (-effect.size, -effect.changed, effect.place))[:count]

"""All that is said of a campaign, from its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neurobot.campaign.bits import FLIPS, Effect, criticality, effects_by_bit, worst
from neurobot.campaign.chips import memories_of
from neurobot.campaign.levels import Topic, halves, levels, topic_of
from neurobot.campaign.protecting import protections
from neurobot.campaign.runs import Runs, sound_of
from neurobot.campaign.single import single_bits, single_pairs
from neurobot.episodes import Job
from neurobot.evaluation import Progress
from neurobot.faults.memory import Memory
from neurobot.faults.spec import AMOUNTS, AROUND
from neurobot.metrics import Row

LISTED = 10  # bits that are named


@dataclass(frozen=True)
class Findings:
    """Rows of a campaign of so many episodes: see `levels` for levels and halves.

    guards: see `protecting`, by controller and memory. single: see `single.single_bits`; bits: see
    `bits.effects_by_bit`, with the controller; worst: the most critical ones of these.
    """

    episodes: int
    levels: list[Row]
    halves: list[Row]
    guards: list[Row]
    single: list[Row]
    bits: list[Row]
    worst: list[Row]

    @property
    def plain(self) -> dict[str, Any]:
        """All of it but the levels, by name."""
        return {name: value for name, value in vars(self).items() if name != "levels"}

    @property
    def topic(self) -> Topic:
        """What the picture is about: rates before shares and counts, then what has most rows."""
        topics = [topic_of(row) for row in self.levels]
        return min(topics, key=lambda each: (AMOUNTS.index(each[-1]), -topics.count(each)))

    def on_topic(self, rows: Sequence[Row]) -> list[Row]:
        """Keep the rows of the picture."""
        return [row for row in rows if topic_of(row) == self.topic]


def by_controller(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Group rows by controller."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["controller"], []).append(row)
    return found


def chosen(
    runs: Runs, controllers: Sequence[str] = (), memory: str | None = None, kind: str | None = None
) -> Runs:
    """Keep sound episodes, and those with faults in some memory and of some kind."""

    def kept(job: Job) -> bool:
        told = job.faults
        fits = told is None or (memory in (None, told.memory) and kind in (None, told.kind))
        return fits and (not controllers or job.controller in controllers)

    found = {job: record for job, record in runs.items() if kept(job)}
    met = {sound_of(job) for job in found if job.faults}
    if not met:
        asked = f"controllers {', '.join(controllers) or 'any'}, memory {memory}, kind {kind}"
        raise ValueError(f"campaign: no faults found for {asked}; another choice needed")
    return {job: record for job, record in found.items() if job.faults or job in met}


def subjects(runs: Runs) -> dict[tuple[str, str], tuple[Job, int]]:
    """Return the first sound episode, and the word's bits, of each controller and memory."""
    found: dict[tuple[str, str], tuple[Job, int]] = {}
    for job in runs:
        if job.faults is not None and job.faults.memory not in AROUND:
            place = job.controller, job.faults.memory
            found.setdefault(place, (sound_of(job), job.faults.word_bits))
    return found


def opened(runs: Runs) -> dict[tuple[str, str], list[Memory]]:
    """Return the memories that were hit, by controller and name."""
    found = {}
    for (controller, name), (job, _) in subjects(runs).items():
        found[controller, name] = [each for each in memories_of(job) if each.name == name]
    return found


def guard_rows(runs: Runs, sweeps: Sequence[Row], table: str) -> list[Row]:
    """Say what each code would take where a configured memory was hit, and what it brought.

    sweeps: rows of `halves`. Further keys: controller, memory; half and gain: where success is half
    behind the code, and how many times further that is, if known.
    """
    memories, rows = opened(runs), []
    kept = filter(compared, sweeps)
    at = {(row["controller"], row["memory"], row["protection"]): row["half"] for row in kept}
    for (controller, name), (_, word_bits) in subjects(runs).items():
        if any(each.state for each in memories[controller, name]):
            continue
        sound = [r for job, r in runs.items() if job.controller == controller and not job.faults]
        bare = at.get((controller, name, "none"))
        for row in protections(memories[controller, name], sound, table, word_bits):
            half = at.get((controller, name, row["protection"]))
            gain = half / bare if half and bare else None
            rows.append({"controller": controller, "memory": name, **row,
                         "half": half, "gain": gain})  # fmt: skip
    return rows


def compared(row: Row) -> bool:
    """Tell whether a sweep is of single flips at a rate, by which protections are compared."""
    return (row["kind"], row["amount"], row["burst"]) == ("flip", "rate", 1)


def single_rows(runs: Runs) -> list[Row]:
    """Return what single flips did in the loop."""
    rows, memories = [], opened(runs)
    for name in dict.fromkeys(name for _, name in memories):
        pairs = single_pairs(runs, name)
        mine = {controller: memories[controller, name] for controller in pairs}
        rows += [{"memory": name, **row} for row in single_bits(pairs, mine)]
    return rows


def effect_row(controller: str, memory: str, effect: Effect) -> Row:
    """Write what one bit does as a row."""
    place = effect.place._asdict()
    return {"controller": controller, "memory": memory, **place,
            "changed": effect.changed, "size": effect.size}  # fmt: skip


def tried(
    runs: Runs, flips: int | None, progress: Progress | None = None
) -> tuple[list[Row], list[Row]]:
    """Try single bits outside of the loop; return rows of the map, and of the worst ones."""
    rows, listed, memories = [], [], opened(runs)
    asked = {
        place: job
        for place, (job, _) in subjects(runs).items()
        if not any(each.state for each in memories[place])
    }
    for k, ((controller, memory), job) in enumerate(asked.items()):
        effects = criticality(job, memory, flips=flips)
        about = {"controller": controller, "memory": memory}
        rows += [{**about, **row} for row in effects_by_bit(effects)]
        listed += [effect_row(controller, memory, each) for each in worst(effects, LISTED)]
        if progress:
            progress(k + 1, len(asked))
    return rows, listed


def found_in(
    runs: Runs,
    table: str,
    *,
    mapped: bool = False,
    flips: int | None = FLIPS,
    progress: Progress | None = None,
) -> Findings:
    """Say what a campaign has found; mapped: try `flips` single bits (None: all) as well."""
    bits, listed = tried(runs, flips, progress) if mapped else ([], [])
    sweeps = halves(runs)
    guards, single = guard_rows(runs, sweeps, table), single_rows(runs)
    return Findings(len(runs), levels(runs), sweeps, guards, single, bits, listed)

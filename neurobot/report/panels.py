"""Which episodes are drawn, and what stands below each picture."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import zip_longest
from operator import attrgetter
from shlex import quote
from typing import Any

from markupsafe import Markup

from neurobot.demo.replay import Recorded
from neurobot.episodes import Job
from neurobot.report.worlds import draw_world, place_of
from neurobot.trace import unpack

OUTCOMES = ("fault", "collision", "timeout", "success")  # what is looked at first
FACTS = ("env", "scenario", "seed", "sensor", "difficulty", "robot", "time_limit_s", "noise",
         "dropout", "clock_hz", "late", "instant")  # fmt: skip


def spread_out(episodes: Sequence[Recorded]) -> list[Recorded]:
    """Put failures first, and among equals one of each place before a second one of any."""
    seen: dict[tuple[Any, ...], int] = {}
    ranked = []
    for each in sorted(episodes, key=lambda e: OUTCOMES.index(e.record.outcome)):
        place = each.record.outcome, each.job.env, each.job.scenario, each.job.cell
        seen[place] = turn = seen.get(place, -1) + 1
        ranked.append((OUTCOMES.index(each.record.outcome), turn, each))
    return [each for *_, each in sorted(ranked, key=lambda rank: rank[:2])]


def choose(by_brain: Mapping[str, Sequence[Recorded]], most: int) -> list[Recorded]:
    """Take turns among brains until there are enough episodes; failures first."""
    kept = [
        [each for each in spread_out(episodes) if each.record.trace]
        for episodes in by_brain.values()
    ]
    turns = [each for turn in zip_longest(*kept) for each in turn if each is not None]
    return sorted(turns[:most], key=lambda each: OUTCOMES.index(each.record.outcome))


def option(fact: str, value: Any) -> str:
    """Write a fact as an option of the command line."""
    name = "--" + fact.removesuffix("_s").replace("_", "-")
    return name if value is True else f"{name} {quote(str(value))}"


def same(job: Job, other: Job) -> bool:
    """Tell whether two episodes share what every command tells anyway."""
    facts = attrgetter("controller", "cell", "episode")
    return bool(facts(job) == facts(other))


def replay_command(folder: str, episode: Recorded, everything: Sequence[Recorded]) -> str:
    """Write the command that plays an episode again, told from all others of its folder."""
    mine = episode.facts
    others = [
        each.facts for each in everything if each is not episode and same(each.job, episode.job)
    ]
    told = []
    for fact in FACTS:
        value = mine.get(fact)
        left = [facts for facts in others if facts.get(fact) == value]
        if value is not None and value is not False and len(left) < len(others):
            told.append(option(fact, value))
            others = left
    cell = episode.job.cell
    place = "/".join([*cell[1:], ""]) if cell else ""
    name = quote(f"{folder}#{place}{episode.job.episode}")
    return " ".join(["neurobot demo", quote(episode.job.controller), *told, "--replay", name])


def name_place(episode: Recorded) -> str:
    """Say where an episode took place."""
    job = episode.job
    where = [part for part in (job.cell or ())[1:] if part] or [job.env, job.scenario]
    return f"{', '.join(where)}; episode {job.episode}, seed {job.seed}"


def panel(episode: Recorded, command: str) -> dict[str, Any]:
    """Draw an episode; where its world cannot be drawn, say why."""
    job, record = episode.job, episode.record
    told: dict[str, Any] = {
        "brain": job.controller,
        "outcome": record.outcome,
        "ended": f"after {record.duration_s:.1f} s and {record.path_m:.1f} m",
        "place": name_place(episode),
        "fault": record.fault,
        "command": command.split(" "),
        "svg": None,
    }
    label = escape(f"{job.controller}, {told['place']}: {record.outcome} {told['ended']}")
    try:
        drawn = draw_world(place_of(job), unpack(record.trace), record.outcome, label)
    except (ValueError, OSError) as error:
        return {**told, "missing": f"This world cannot be drawn here: {error}"}
    return {**told, "svg": Markup(drawn)}


def panels(
    by_brain: Mapping[str, Sequence[Recorded]],
    most: int,
    command: Callable[[Recorded], str],
) -> list[dict[str, Any]]:
    """Draw so many episodes, the failures first."""
    return [panel(each, command(each)) for each in choose(by_brain, most)]

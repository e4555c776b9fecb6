"""Where a run's figures come from, and what they do not say."""

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from neurobot.cost import COST_TABLES, CostTable, Tariff
from neurobot.episodes import Record
from neurobot.report import tables
from neurobot.report.looks import Part
from neurobot.report.study import Study
from neurobot.report.words import Row, counted
from neurobot.version import __version__

FEW = 200  # episodes of a brain
ASSUMED = Markup('<span class="tag assumed">assumed</span>')


def fact(name: str, value: Any, code: bool = False) -> Part:
    """State one thing."""
    return {"name": name, "value": value, "code": code}


def span(values: Sequence[Any]) -> str:
    """Write what the jobs have in common, or the range in which they differ."""
    known = sorted({value for value in values if value is not None})
    return str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}" if known else ""


def makers(study: Study) -> list[Part]:
    """Say with what the run was made; of a merged run, each part."""
    told = []
    for run in study.provenance:
        versions = {k: v for k, v in run.items() if k not in ("command", "started", "platform")}
        told += [
            fact("Command", run.get("command", "unknown"), code=True),
            fact("Started", run.get("started", "unknown")),
            fact("Made with", ", ".join(f"{name} {value}" for name, value in versions.items())),
            fact("On", run.get("platform", "unknown")),
        ]
    return told or [
        fact("Made with", f"neurobot {', '.join(study.versions)}; the run noted no more")
    ]


def facts(study: Study, table: CostTable) -> list[Part]:
    """State how the run was made."""
    suite = study.facts.get("suite")
    told = makers(study)
    if suite:
        told.append(fact("Suite", f"{suite['name']}, sha256 {suite['sha256']}"))
    seeds = [record.seed for record in study.records]
    return [
        *told,
        fact("Run folder", study.folder, code=True),
        fact("Episodes recorded by", f"neurobot {', '.join(study.versions)}"),
        fact("Report made by", f"neurobot {__version__}"),
        fact("Seeds of worlds", f"{span(seeds)} ({counted(len(set(seeds)), 'seed')})"),
        fact("Cost table", mark(f"{table.name} ({table.node_nm} nm): {table.provenance}")),
    ]


def mark(words: str) -> Markup:
    """Escape words and mark what is assumed in them, by colour and as a label."""
    head, found, tail = words.partition("assumed")
    if not found:
        return Markup("{}").format(words)
    return Markup("{}{}{}").format(head, ASSUMED, mark(tail))


def tariffs(records: Iterable[Record], table: CostTable) -> dict[str, Tariff]:
    """Return the prices of every chip that a run used, by its name."""
    events = {record.events.chip: record.events for record in records if record.events}
    found = {chip: table.tariff_of(counts) for chip, counts in events.items()}
    return {chip: tariff for chip, tariff in found.items() if tariff is not None}


def prices(records: Iterable[Record], table: CostTable) -> list[Part]:
    """List the prices of every chip that a run used."""
    told = []
    for chip, tariff in tariffs(records, table).items():
        listed = [*tariff.prices.values(), tariff.idle_w, *tariff.held_w.values()]
        guesses = sum(price.evidence == "assumed" for price in listed)
        words = f"{chip}: {counted(len(listed), 'price')}, {guesses} of them "
        told.append({
            "summary": Markup("{}{}").format(words, ASSUMED),
            "table": tables.price_table(chip, tariff, Markup(
                "Prices of one event, or of what is switched on, by the cost table <b>{}</b>; "
                "the range is what the unknowns allow.").format(table.name)),
        })  # fmt: skip
    return told


def limits(study: Study, rows: Sequence[Row]) -> list[str]:
    """Say what the size of the run does not allow to say."""
    told = []
    fewest = min(row["episodes"] for row in rows)
    if fewest < FEW:
        told.append(
            f"There are only {fewest} episodes of a brain: rates that differ by less than their "
            "intervals are not told apart."
        )
    if (study.facts.get("suite") or {}).get("quick"):
        told.append("This is the quick suite, one world of each task and level: nothing to quote.")
    return told


def table_of(name: str) -> CostTable:
    """Return a cost table."""
    if name not in COST_TABLES:
        raise ValueError(f"cost table: unknown {name!r}; known: {', '.join(COST_TABLES)}")
    return COST_TABLES[name]

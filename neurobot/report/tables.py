"""Tables as the page's template lays them out."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from neurobot.cost import Price, Tariff
from neurobot.report.columns import Column
from neurobot.report.heat import name_cell
from neurobot.report.looks import Part
from neurobot.report.words import NONE, Row, between, percent, quantity, span


def cell(text: str, value: Any = "", below: str = "", style: str = "") -> Part:
    """Make a cell; value: what it sorts by, "" for what is not known."""
    unknown = value is None
    return {
        "text": text,
        "value": "" if unknown else value,
        "below": below,
        "style": f"{style} none".strip() if text == NONE else style,
    }


def head(name: str, style: str = "", **more: Any) -> Part:
    """Make a heading."""
    return {"name": name, "unit": "", "kind": "number", "first": "descending", "title": "",
            "order": "", "style": style, **more}  # fmt: skip


def table(
    name: str, label: str, caption: Any, heads: Sequence[Part], rows: Any, **more: Any
) -> Part:
    """Make a table."""
    return {"name": name, "label": label, "caption": caption, "heads": heads, "rows": rows,
            "groups": [], "sorts": False, **more}  # fmt: skip


def text_heads(*names: str) -> list[Part]:
    """Make headings of columns of text."""
    return [head(name, "text") for name in names]


def main_table(rows: Sequence[Row], columns: Sequence[Column], caption: Any) -> Part:
    """Lay out one row for each brain."""
    groups = [
        {"name": name, "span": len(list(group))}
        for name, group in groupby(columns, key=lambda column: column.group)
    ]
    begins = [k == 0 or columns[k - 1].group != each.group for k, each in enumerate(columns)]
    styles = ["first" if begin else "" for begin in begins]
    heads = [head("Brain", "text", kind="text", first="ascending")] + [
        head(each.name, style, unit=each.unit, first=each.first, title=each.title)
        for each, style in zip(columns, styles, strict=True)
    ]
    heads[1]["order"] = "descending"
    body = [
        [cell(row["controller"], row["controller"])]
        + [
            cell(each.text(row), each.value(row), each.below(row), style)
            for each, style in zip(columns, styles, strict=True)
        ]
        for row in rows
    ]
    return table("main", "Results by brain", caption, heads, body, groups=groups, sorts=True)


def matrix_table(figures: Mapping[str, Any], caption: Any) -> Part:
    """Lay out the probabilities of improvement."""
    brains = figures["brains"]
    rows = [
        [cell(brain)]
        + [
            cell(NONE) if row == k else
            cell(f"{figures['value'][row][k]:.2f}", below=between(
                figures["low"][row][k], figures["high"][row][k], 2, 1))
            for k in range(len(brains))
        ]
        for row, brain in enumerate(brains)
    ]  # fmt: skip
    return table("plain", "Probability of improvement", caption,
                 [head("row above column"), *map(head, brains)], rows)  # fmt: skip


def cells_table(figures: Mapping[str, Any], caption: Any) -> Part:
    """Lay out success by cell: a row for each, a column for each brain."""
    brains = figures["brains"]
    rows = [
        [cell(name_cell(place))]
        + [
            cell(NONE) if found is None else
            cell(percent(found["success_rate"], 0), below=between(
                found["success_low"], found["success_high"]))
            for found in (figures["by_cell"][brain][k] for brain in brains)
        ]
        for k, place in enumerate(figures["cells"])
    ]  # fmt: skip
    return table("plain", "Success by cell", caption, [head("Cell"), *map(head, brains)], rows)


def bills_table(bills: Mapping[str, Row], parts: Sequence[str], caption: Any) -> Part:
    """Lay out what the parts of each brain's chip take in a decision."""
    heads = [head(name) for name in ("Brain", "Total", "prices allow", *parts)]
    rows = [
        [
            cell(brain),
            cell(quantity(row["energy_j"], "J")),
            cell(span(row["energy_low_j"], row["energy_high_j"], "J")),
            *(cell(quantity(row["parts_j"].get(part), "J")) for part in parts),
        ]
        for brain, row in bills.items()
    ]  # fmt: skip
    return table("plain", "Energy by component", caption, heads, rows)


def evidence(price: Price) -> Part:
    """Say how well a price is known; what is assumed is marked."""
    return cell(price.evidence, style="text assumed" if price.evidence == "assumed" else "text")


def price_rows(tariff: Tariff) -> list[list[Part]]:
    """List the prices of a chip with their ranges and sources."""
    listed = [
        *((name.replace("_", " "), price, "J") for name, price in tariff.prices.items()),
        ("always on", tariff.idle_w, "W"),
        *(
            (f"each of {name.replace('_', ' ')}", price, "W")
            for name, price in tariff.held_w.items()
        ),
    ]
    return [
        [
            cell(name),
            cell(quantity(price.nominal, unit)),
            cell(span(price.low, price.high, unit)),
            evidence(price),
            cell(price.source, style="text"),
        ]
        for name, price, unit in listed
    ]


def price_table(chip: str, tariff: Tariff, caption: Any) -> Part:
    """Lay out the prices of a chip."""
    heads = [head("Event"), head("Price"), head("Range"), *text_heads("Evidence", "Source")]
    return table("plain", f"Prices of {chip}", caption, heads, price_rows(tariff))


def brains_table(rows: Sequence[Row], facts: Mapping[str, Row], caption: Any) -> Part:
    """List what each brain is: its class, options, sensor, chip; the hash of its configuration."""
    heads = text_heads("Brain", "Class", "Options", "Sensor", "Chip", "Configuration")
    body = []
    for row in rows:
        known = facts.get(row["controller"], {})
        options = ", ".join(f"{name} {value}" for name, value in known.get("options", {}).items())
        told = (
            known.get("class") or NONE,
            options or NONE,
            known.get("sensor") or "any",
            row["chip"] or "none: counts nothing",
            str(known.get("config_sha256") or NONE)[:16],
        )
        body.append([cell(row["controller"]), *(cell(text, style="text") for text in told)])
    return table("plain", "Brains", caption, heads, body)

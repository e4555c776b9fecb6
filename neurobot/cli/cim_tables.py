"""The report of `neurobot cim report` on a terminal of 100 columns."""

from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurobot.cli.cim_figures import PRICING
from neurobot.cli.pricing import Row
from neurobot.cli.terminal import make_table
from neurobot.cost.macros import SHARES
from neurobot.quantities import PREFIXES, percent, prefixed

POWERS = {prefix: power for power, prefix in PREFIXES.items()}
ADMISSIONS = (
    "Not modelled: the drop of voltages along wires (IR drop), errors of converters, writing the "
    "cells. Where an input takes one cycle, a driver of all its bits is assumed, and such drivers "
    "are not free (22 % of the energy of a measured 22 nm macro). Conversions are not left out "
    "where all inputs are 0. Energies are modelled and good to a factor of 2 to 4 at best; their "
    "ranges say what is not known of the prices. Counts are exact; sizes of the machine are "
    "assumed."
)


def short(value: float | None) -> str:
    """Write a count, a large one with three digits and a prefix; nothing for none."""
    if not value:
        return ""
    return prefixed(value, "", 3).strip() if value >= 1000 else f"{value:.3g}"


COLUMNS: dict[str, Callable[[Row], str]] = {
    "tiles x\nslices": lambda row: f"{row['tiles']} x {row['slices']}" if row["tiles"] else "",
    "arrays": lambda row: short(row["arrays"]) if row["where"] == "arrays" else row["where"],
    "cells\nused %": lambda row: percent(row["utilization"]) if row["utilization"] else "",
    "conver-\nsions": lambda row: short(row["conversions"]),
    "MACs\neach": lambda row: short(row["macs_per_conversion"]),
    "con-\nstants": lambda row: short(row["constants"]) if row["where"] else "",
    "multi-\nplies": lambda row: short(row["multiplies"]),
    "cycles": lambda row: short(row["cycles"]),
}


def layer_table(report: Row) -> Table:
    """Lay the layers out, and all of them together."""
    table = make_table("", *COLUMNS, *PRICING)
    for row in [*report["rows"], together(report)]:
        energy = [prefixed(row[f"dynamic_j, {name}"], "J") for name in PRICING]
        table.add_row(escape(row["name"]), *[cell(row) for cell in COLUMNS.values()], *energy)
    return table


def together(report: Row) -> Row:
    """Return the line of all layers."""
    rows, total = report["rows"], report["total"]
    on_arrays = [row for row in rows if row["where"] == "arrays"]
    names = ("arrays", "conversions", "constants", "multiplies")
    sums: Row = {name: sum(row[name] for row in on_arrays) for name in names}
    used = sum(row["utilization"] * row["arrays"] for row in on_arrays) / sums["arrays"]
    return {
        **sums,
        "name": "together",
        "where": "arrays",
        "tiles": None,
        "utilization": used,
        "macs_per_conversion": total["array_macs"] / sums["conversions"],
        "cycles": total["cycles"],
        **{name: sum(row[name] for row in rows) for name in rows[0] if "j, " in name},
    }


def component_table(report: Row) -> Table:
    """Lay the parts of the machine out, with the range of each by each cost table."""
    table = make_table("energy of an image", *PRICING)
    parts = {name: report["energy"][name]["components_j"] for name in PRICING}
    for part in next(iter(parts.values()))["nominal"]:
        cells = [spread({k: each[part] for k, each in found.items()}) for found in parts.values()]
        table.add_row(part, *cells)
    table.add_row("together", *(spread(report["energy"][name]["image_j"]) for name in PRICING))
    return table


def spread(joules: dict[str, float]) -> str:
    """Write an energy, and its range in the same unit."""
    if not joules["high"]:
        return ""
    nominal = prefixed(joules["nominal"], "J")
    scale = 10.0 ** -POWERS[nominal.split()[1].removesuffix("J")]
    low, high = (two_digits(scale * joules[end]) for end in ("low", "high"))
    return f"{nominal} [dim]({low} .. {high})[/]"


def two_digits(value: float) -> str:
    """Write a figure with two digits."""
    return f"{float(f'{value:.1e}'):g}"


def accuracy_text(report: Row) -> str:
    """Say how well images are told."""
    found = report["accuracy"]
    if found is None:
        return "Accuracy: no images given (--images)."
    text = (
        f"Accuracy: {100 * found['digital']:.2f} % {found['digital_is']}, "
        f"{100 * found['arrays']:.2f} % on the arrays "
        f"({100 * found['as_digital']:.2f} % of all answers are the same)"
    )
    if found["varied"] is None:
        return f"{text}."
    right = [100 * each for each in found["varied"]]
    draws = f"draw {report['draws'][0]}"
    ends = ""
    if len(right) > 1:
        draws = f"mean of draws {report['draws'][0]}..{report['draws'][-1]}"
        ends = f" ({min(right):.2f} .. {max(right):.2f})"
    mean = sum(right) / len(right)
    return f"{text}; with cells that vary {mean:.2f} %{ends}, {draws}: {varied(report)}."


def varied(report: Row) -> str:
    """Write down how cells vary."""
    given = {name: value for name, value in report["variation"].items() if value}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in given.items())


def time_text(report: Row) -> str:
    """Say how long an image takes, and what is switched on."""
    silicon, total = report["silicon"], report["total"]
    idle = ", ".join(
        f"{prefixed(each['idle_w'], 'W', 3)} by {name}" for name, each in report["energy"].items()
    )
    return (
        f"{prefixed(report['latency_s'], 's', 3)} for an image, {report['images_per_s']:,.0f} a "
        f"second, at {prefixed(silicon['clock_hz'], 'Hz')}: {silicon['columns']} columns of an "
        f"array, {silicon['columns_per_adc']} of them share a converter. {total['arrays']} arrays, "
        f"{total['constants']:,} constants and {total['banks']} banks of memory are on; idle "
        f"power: {idle}."
    )


def energy_text(report: Row) -> str:
    """Say what converters have of the energy, beside measured macros, and by both forms."""
    rates = "; ".join(
        f"{each['macro_tops_w']:.3g} of the arrays and {each['tops_w']:.3g} of all by {name}"
        for name, each in report["energy"].items()
    )
    return (
        f"{converters_text(report)} TOPS/W: {rates}. Of the arrays: with drives, converters and "
        "dequantization; of all: with memories and leakage. A MAC, of a whole weight and a whole "
        "input, is two operations."
    )


def converters_text(report: Row) -> str:
    """Say what converters take, and next to what."""
    said, forms = [], report["forms"]
    if report["total"]["ideal_conversions"]:
        said.append("Ideal converters have no price: they are left out of all energies.")
    if forms["formula_j"]:
        said += [share_text(report["energy"]), forms_text(forms)]
    return " ".join(said)


def share_text(energy: dict[str, Row]) -> str:
    """Say what converters have of a macro's energy."""
    shares = ", ".join(
        f"{percent(each['converter_share'])} % by {name}" for name, each in energy.items()
    )
    known = ", ".join(f"{percent(share)} % ({node})" for node, share in SHARES.items())
    return (
        f"Converters' share of arrays, drives, converters and dequantization: {shares}; measured "
        f"macros with 8 bits: {known}."
    )


def forms_text(forms: Row) -> str:
    """Say what both forms make of the conversions."""
    other = "does not cover these bits"
    if forms["survey_j"] is not None:
        other = f"gives {prefixed(forms['survey_j'], 'J')}"
    return (
        f"Conversions of an image at 28 nm: a formula fitted to macros gives "
        f"{prefixed(forms['formula_j'], 'J')}, a regression on published converters {other}."
    )


def digital_text(report: Row) -> str:
    """Say which layers stay digital."""
    found = report["digital_layers"]
    if not found["names"]:
        return "All layers with weights lie on arrays."
    return f"Digital: {', '.join(found['names'])} ({found['why']})."


def show(console: Console, title: str, seed: int, report: Row) -> None:
    """Print layers, parts of the machine, and what they mean."""
    shown = report["images"]["shown"]
    console.print(f"[bold]{escape(title)}[/], {escape(shown)}, seed {seed}")
    console.print(accuracy_text(report), markup=False)
    console.print(layer_table(report))
    console.print(component_table(report))
    for text in (time_text(report), energy_text(report), digital_text(report)):
        console.print(text, markup=False)
    for text in report["converters"]:
        console.print(text, markup=False)
    console.print(ADMISSIONS, style="dim")

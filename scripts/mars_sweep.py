"""Which settings of what is not known about MARS can explain its published figures at all.

A setting is bits, a way to refill, macros, clock, rows, and up to how many tiles are zero: what
share of them is free below that, for each network by itself unless `same zeros` says otherwise.
Measured at a few shares, cycles and joules in between on straight lines. The published rates, "over
700" and "over 400" frames/s, are read as least ones (`reached`), or `as said`: below the next
hundred. With which network each was measured is not known: A, VGG16 on CIFAR-10 (700), ResNet18 on
CIFAR-100 (400); or B, the other way round. TOPS/W are dense-equivalent, and `allowed` if the range
of the prices holds what was published, `near` if their nominal values come within a quarter of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from mars_shapes import FORMS, PRICES, RESNET18, TITLES, VGG16, Figures, Form, Net, keep, measure
from numpy.typing import NDArray
from rich.table import Table

from neurobot.cli.terminal import make_table
from neurobot.cost import BOUNDS
from neurobot.events import MarsEvents
from neurobot.mars import REFILLS, Silicon

Array = NDArray[Any]
Row = dict[str, Any]
RATES = (700, 400)  # frames/s on CIFAR-10 and on CIFAR-100 (published)
NEXT = 100
TOPS_PER_W = {VGG16: 52.3, RESNET18: 88.2}  # published
NEAR = 1.25
NETWORKS = (VGG16, RESNET18)
WAYS = {
    "A": dict(zip(NETWORKS, RATES, strict=True)),
    "B": dict(zip(NETWORKS, reversed(RATES), strict=True)),
}
ZEROS = np.linspace(0.0, 0.97, 98)
LIMITS = (0.5, 0.75, 0.9, 0.97)  # of zero tiles
ASSUMED = {"macros": 2, "clock_mhz": 100, "rows": 16}  # elsewhere
FEW = 12


class Setting(NamedTuple):
    """One combination of what is not known."""

    form: Form
    refill: str
    macros: int  # of each core
    clock_mhz: int
    rows: int


@dataclass(frozen=True)
class Grid:
    """What is swept."""

    forms: Sequence[Form] = FORMS
    refills: Sequence[str] = REFILLS
    macros: Sequence[int] = (1, 2, 4, 8)
    clocks_mhz: Sequence[int] = (50, 100, 200)
    rows: Sequence[int] = (8, 16, 32)
    zeros: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 0.9, 0.97)

    def silicons(self, rows: int) -> Iterator[Silicon]:
        """Yield the machines; pairs need an even number of macros."""
        for refill, macros in product(self.refills, self.macros):
            if refill != "paired" or macros % 2 == 0:
                yield Silicon(rows=rows, refill=refill, macros=macros)


class Curve(NamedTuple):
    """What a network does by share of zero tiles, as in ZEROS."""

    frames_per_s: Array
    tops_per_w: Array  # at nominal, low and high prices

    def up_to(self, limit: float) -> "Curve":
        """Return its part of at most so many zeros."""
        part = ZEROS <= limit + 1e-9
        return Curve(self.frames_per_s[part], self.tops_per_w[:, part])

    def reached(self, rate: int) -> Array:
        """Whether it makes more frames/s."""
        return np.asarray(self.frames_per_s > rate)

    def said(self, rate: int) -> Array:
        """Whether one would say of it that it makes "over" so many frames/s."""
        return np.asarray(self.reached(rate) & ~self.reached(rate + NEXT))

    def allowed(self, tops: float) -> Array:
        """Whether the prices allow such an efficiency."""
        _, most, least = self.tops_per_w
        return np.asarray((least <= tops) & (tops <= most))

    def near(self, tops: float) -> Array:
        """Whether nominal prices come near it."""
        nominal = self.tops_per_w[0]
        return np.asarray((tops / NEAR <= nominal) & (nominal <= tops * NEAR))


Curves = Mapping[str, Curve]  # by network


def curve_of(zeros: Sequence[float], measured: Sequence[Figures], clock_hz: float) -> Curve:
    """Draw straight lines of cycles, joules and watts between measured shares of zeros."""
    tariff = PRICES.tariffs[MarsEvents.chip]

    def line(values: Sequence[float]) -> Array:
        return np.interp(ZEROS, zeros, values)

    events = [figures.events for figures in measured]
    seconds = line([each.cycles for each in events]) / clock_hz
    joules = [
        line([tariff.dynamic_j(each, bound) for each in events])
        + line([tariff.idling_w(each, bound) for each in events]) * seconds
        for bound in BOUNDS
    ]
    return Curve(1 / seconds, 2e-12 * events[0].dense_macs / np.array(joules))


def measure_all(grid: Grid, seed: int) -> dict[Setting, Curves]:
    """Measure both networks in every setting; clocks come for free."""
    found: dict[Setting, dict[str, Curve]] = {}
    for network, form, rows in product(NETWORKS, grid.forms, grid.rows):
        shapes = [Net(network, form, keep(zeros), seed) for zeros in grid.zeros]
        drawn = [net.loads(Silicon(rows=rows)) for net in shapes]
        for silicon in grid.silicons(rows):
            measured = [measure(loads, silicon) for loads in drawn]
            for mhz in grid.clocks_mhz:
                setting = Setting(form, silicon.refill, silicon.macros, mhz, rows)
                curve = curve_of(grid.zeros, measured, mhz * 1e6)
                found.setdefault(setting, {})[network] = curve
    return dict(found)


Rate: TypeAlias = Callable[[Curve, int], Array]
Tops: TypeAlias = Callable[[Curve, float], Array]
Reading: TypeAlias = Callable[[Curves], bool]


def held(curves: Curves, rates: Mapping[str, int], rate: Rate, tops: Tops | None) -> list[Array]:
    """Return with which zeros each network does what is asked for."""
    masks = [rate(curves[network], rates[network]) for network in NETWORKS]
    if tops is None:
        return masks
    pairs = zip(masks, NETWORKS, strict=True)
    return [mask & tops(curves[network], TOPS_PER_W[network]) for mask, network in pairs]


def explains(rates: Mapping[str, int], rate: Rate, tops: Tops | None = None) -> Reading:
    """Whether each network has zeros with which it does what is asked for."""
    return lambda curves: all(mask.any() for mask in held(curves, rates, rate, tops))


def explains_alike(rates: Mapping[str, int]) -> Reading:
    """Whether there are zeros with which both networks have rates as said."""
    return lambda curves: bool(np.logical_and(*held(curves, rates, Curve.said, None)).any())


def either(tops: Tops | None = None) -> Reading:
    """Whether A or B holds, of rates that are reached."""
    ways = [explains(rates, Curve.reached, tops) for rates in WAYS.values()]
    return lambda curves: any(way(curves) for way in ways)


READINGS: dict[str, Reading] = {"rates: reached": either(), "rates: allowed": either(Curve.allowed)}
for way, rates in WAYS.items():
    READINGS |= {
        f"{way}: as said": explains(rates, Curve.said),
        f"{way}: same zeros": explains_alike(rates),
        f"{way}: allowed": explains(rates, Curve.said, Curve.allowed),
        f"{way}: near": explains(rates, Curve.said, Curve.near),
    }
IMPLIED = [(network, rates[network]) for rates in WAYS.values() for network in NETWORKS]
FIELDS = {
    "form": "bits W/A",
    "refill": "refill",
    "macros": "macros/core",
    "clock_mhz": "MHz",
    "rows": "rows",
    "limit": "zeros up to",
}


def implied(curve: Curve, rate: int) -> Row:
    """Return with which zeros a network has a rate as said, and the TOPS/W amid them."""
    places = curve.said(rate).nonzero()[0]
    if not len(places):
        return {"never": "slower" if curve.frames_per_s.max() <= rate else "faster"}
    tops = curve.tops_per_w[:, places[len(places) // 2]].tolist()
    ends = {"least_zeros": ZEROS[places[0]], "most_zeros": ZEROS[places[-1]]}
    return {**ends, "tops_per_w": dict(zip(BOUNDS, tops, strict=True))}


def rows_of(found: Mapping[Setting, Curves]) -> list[Row]:
    """Return what each setting explains, and what the rates imply with it."""
    rows = []
    for (setting, curves), limit in product(found.items(), LIMITS):
        row: Row = {**setting._asdict(), "form": str(setting.form), "limit": limit}
        below = {network: curve.up_to(limit) for network, curve in curves.items()}
        row |= {name: reading(below) for name, reading in READINGS.items()}
        for network, rate in IMPLIED:
            row[f"{network} at {rate}"] = implied(below[network], rate)
        rows.append(row)
    return rows


def values_of(rows: Sequence[Row]) -> Iterator[tuple[str, Any, list[Row]]]:
    """Yield each value of each unknown, with the rows that have it."""
    for field in FIELDS:
        for value in dict.fromkeys(row[field] for row in rows):
            yield field, value, [row for row in rows if row[field] == value]


def shares(rows: Sequence[Row]) -> Table:
    """Lay out, for each value of each unknown, in which share of settings a reading holds."""
    heads = [name.replace(": ", "\n").replace(" zeros", "\nzeros") for name in READINGS]
    table = make_table("", "", "of", *heads, title="Settings that explain it, %")
    said = ""
    for field, value, mine in [("all", "", [*rows]), *values_of(rows)]:
        cells = [f"{100 * sum(row[name] for row in mine) / len(mine):.0f}" for name in READINGS]
        name = FIELDS.get(field, field)
        table.add_row("" if name == said else name, str(value), str(len(mine)), *cells)
        said = name
    return table


def imply(found: Row) -> str:
    """Write zeros, in per cent, and TOPS/W with the range that prices allow."""
    if "never" in found:
        return str(found["never"])
    zeros = dict.fromkeys(f"{100 * found[end]:.0f}" for end in ("least_zeros", "most_zeros"))
    nominal, most, least = (f"{found['tops_per_w'][bound]:.0f}" for bound in BOUNDS)
    return f"{'..'.join(zeros)}: {nominal} ({least}..{most})"


def implications(rows: Sequence[Row]) -> Table:
    """Lay out what the rates imply, with the machine that we assume elsewhere."""
    heads = [f"{TITLES[network]}\n{rate}..{rate + NEXT}/s" for network, rate in IMPLIED]
    title = (
        "2 macros/core, 100 MHz, 16 rows: zero tiles that a rate takes, %, and the TOPS/W "
        "(low..high)\namid them; published: VGG16 52.3, ResNet18 88.2"
    )
    table = make_table("refill", "W/A", *heads, title=title)
    for row in rows:
        if row["limit"] == LIMITS[-1] and ASSUMED.items() <= row.items():
            cells = [imply(row[f"{network} at {rate}"]) for network, rate in IMPLIED]
            table.add_row(row["refill"], row["form"], *cells)
    return table


def show(rows: Sequence[Row]) -> Iterator[Table | str]:
    """Lay everything out."""
    yield __doc__.partition("\n\n")[2]
    yield shares(rows)
    yield implications(rows)
    yield from summary(rows)


def named(row: Row) -> str:
    """Name a setting."""
    return (
        f"{row['form']}, {row['refill']}, {row['macros']} macros/core, {row['clock_mhz']} MHz, "
        f"{row['rows']} rows"
    )


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """Say in how many settings each reading holds, and which values of an unknown it excludes."""
    for name in READINGS:
        never = [
            f"{FIELDS[field]} {value}"
            for field, value, mine in values_of(rows)
            if not any(row[name] for row in mine)
        ]
        holds = list(dict.fromkeys(named(row) for row in rows if row[name]))
        excluded = "all" if not holds else ", ".join(never) or "none by itself"
        few = f"; left: {'; '.join(holds)}" if 0 < len(holds) <= FEW else ""
        yield f"{name}: excluded: {excluded}{few}"

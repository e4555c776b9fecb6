"""How counts are priced: a price with its range, the prices of a chip, a table of chips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Literal, get_args

from neurobot.events import Counts

# Stated by a paper or a tool; following from such figures by a stated rule; our guess.
EVIDENCE = ("published", "derived", "assumed")
Bound = Literal["nominal", "low", "high"]
BOUNDS: tuple[Bound, ...] = get_args(Bound)


def weakest(*evidence: str) -> str:
    """Return how well what is made of such figures is known."""
    return max(evidence, key=EVIDENCE.index)


@dataclass(frozen=True, slots=True)
class Price:
    """Joules of one event, or watts of idling, and the range that the unknowns allow."""

    nominal: float
    low: float
    high: float
    evidence: str  # for the nominal value
    source: str

    def __post_init__(self) -> None:
        if self.evidence not in EVIDENCE:
            raise ValueError(
                f"price: evidence {self.evidence!r} found, one of {', '.join(EVIDENCE)} needed"
            )
        if not 0 <= self.low <= self.nominal <= self.high:
            raise ValueError(
                f"price: 0 <= low <= nominal <= high needed, {self.low}, {self.nominal}, "
                f"{self.high} found"
            )

    @classmethod
    def exactly(cls, value: float, evidence: str, source: str) -> "Price":
        """Return a price without a range."""
        return cls(value, value, value, evidence, source)

    def at(self, bound: Bound) -> float:
        """Return the nominal value or an end of the range."""
        return float(getattr(self, bound))

    def times(self, factor: float, why: str) -> "Price":
        """Return the price of something larger or smaller."""
        return Price(
            factor * self.nominal,
            factor * self.low,
            factor * self.high,
            "assumed",
            f"{self.source}; x {factor:.3g}: {why}",
        )

    def __add__(self, other: "Price") -> "Price":
        return Price(
            self.nominal + other.nominal,
            self.low + other.low,
            self.high + other.high,
            weakest(self.evidence, other.evidence),
            f"{self.source}; {other.source}",
        )


@dataclass(frozen=True, slots=True)
class Tariff:
    """What one kind of chip takes: joules of its events, watts of what is switched on."""

    prices: dict[str, Price]  # of events, by their names; the others cost nothing
    idle_w: Price  # of what is always on
    held_w: dict[str, Price] = field(default_factory=dict)  # of each that its counts hold

    def breakdown_j(self, events: Counts, bound: Bound = "nominal") -> dict[str, float]:
        """Energy of each kind of event that has a price, in joules."""
        return {name: getattr(events, name) * p.at(bound) for name, p in self.prices.items()}

    def dynamic_j(self, events: Counts, bound: Bound = "nominal") -> float:
        """Energy of the events themselves, in joules."""
        # Not sum(): from Python 3.12 on it rounds in another way.
        return reduce(add, self.breakdown_j(events, bound).values(), 0.0)

    def idling_w(self, events: Counts, bound: Bound = "nominal") -> float:
        """Power that flows all the time, in watts, with what these counts hold switched on."""
        held = (getattr(events, name) * price.at(bound) for name, price in self.held_w.items())
        return reduce(add, held, self.idle_w.at(bound))


def parted_j(
    components: Mapping[str, Sequence[str]],
    tariff: Tariff,
    events: Counts,
    seconds: float,
    bound: Bound = "nominal",
) -> dict[str, float]:
    """Energy of each component of a chip, and of its leakage for so long, in joules.

    components: the events that belong to each of them.
    """
    parts = tariff.breakdown_j(events, bound)
    priced = {
        part: reduce(add, (parts.get(name, 0.0) for name in names), 0.0)
        for part, names in components.items()
    }
    return {**priced, "leakage": seconds * tariff.idling_w(events, bound)}


@dataclass(frozen=True, slots=True)
class CostTable:
    """Tariffs by the names of chips, with where they come from."""

    name: str
    provenance: str
    node_nm: int  # of the silicon that it stands for
    tariffs: dict[str, Tariff]

    def tariff_of(self, events: Counts) -> Tariff | None:
        """Return the prices of a chip, else those that its counts bring along; None: not priced."""
        tariff: Tariff | None = self.tariffs.get(events.chip, events.tariff)
        return tariff

    def dynamic_j(self, events: Counts, bound: Bound = "nominal") -> float | None:
        """Energy of the events themselves, in joules; None: this chip is not priced."""
        tariff = self.tariff_of(events)
        return None if tariff is None else tariff.dynamic_j(events, bound)

    def idling_w(self, events: Counts, bound: Bound = "nominal") -> float | None:
        """Power that flows all the time, in watts; None: this chip is not priced."""
        tariff = self.tariff_of(events)
        return None if tariff is None else tariff.idling_w(events, bound)

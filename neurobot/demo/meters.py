"""What a brain takes while it drives: of this decision, lately, and in the mean. Modelled."""

from collections import deque
from dataclasses import dataclass, replace

from neurobot.cost import CostTable
from neurobot.events import Counts

LATELY_S = 2.0  # running figures are means over so long
ROUNDING_S = 1e-9  # by which a sum of steps may miss a whole number of them


@dataclass(frozen=True)
class Reading:
    """The figures of a brain; None where it counts no events, or has not driven yet.

    Energies are also None where the cost table has no prices for its chip.
    """

    latency_s: float | None = None  # per decision
    energy_j: float | None = None  # per decision, idle energy until the next one included
    power_w: float | None = None
    operations_per_s: float | None = None
    energy_per_metre_j: float | None = None
    unit: str = ""  # of its operations


@dataclass(frozen=True)
class Share:
    """One decision or more, and the time and way that the robot drove by them."""

    time_s: float
    path_m: float
    latency_s: float
    dynamic_j: float
    operations: int

    def energy_j(self, idle_w: float) -> float:
        """Energy with what idles all the time."""
        return self.dynamic_j + idle_w * self.time_s

    def __add__(self, other: "Share") -> "Share":
        return Share(
            self.time_s + other.time_s,
            self.path_m + other.path_m,
            self.latency_s + other.latency_s,
            self.dynamic_j + other.dynamic_j,
            self.operations + other.operations,
        )


NOTHING = Share(0.0, 0.0, 0.0, 0.0, 0)


def read(total: Share, decisions: int, unit: str, idle_w: float | None) -> Reading:
    """Turn the sum of some decisions into mean figures; no idle power: their chip has no prices."""
    if decisions == 0 or total.time_s == 0:
        return Reading()
    reading = Reading(total.latency_s / decisions, unit=unit)
    if unit:
        reading = replace(reading, operations_per_s=total.operations / total.time_s)
    if idle_w is None:
        return reading
    energy_j = total.energy_j(idle_w)
    return replace(
        reading,
        energy_j=energy_j / decisions,
        power_w=energy_j / total.time_s,
        # A robot that stands still pays for no way at all.
        energy_per_metre_j=energy_j / total.path_m if total.path_m > 0 else None,
    )


class Meter:
    """Adds up what the decisions of one brain take, by a cost table."""

    def __init__(self, prices: CostTable) -> None:
        self.prices = prices
        self.total = NOTHING
        self.decisions = 0  # those whose events were counted
        self.lately: deque[Share] = deque()
        self.last: Counts | None = None  # of the last decision

    def decide(self, events: Counts | None, latency_s: float) -> None:
        """Count a decision."""
        if events is None:
            return
        self.last = events
        self.decisions += 1
        dynamic_j = self.prices.dynamic_j(events) or 0.0
        self._add(Share(0.0, 0.0, latency_s, dynamic_j, events.operations), is_new=True)

    def drive(self, time_s: float, path_m: float) -> None:
        """Count time, in which idle energy flows, and way."""
        self._add(Share(time_s, path_m, 0.0, 0.0, 0), is_new=False)

    def _add(self, share: Share, is_new: bool) -> None:
        self.total += share
        if is_new:
            self.lately.append(share)
        elif self.lately:
            self.lately[-1] += share
        while len(self.lately) > 1 and self._lately_s() > LATELY_S + ROUNDING_S:
            self.lately.popleft()

    def _lately_s(self) -> float:
        return sum(each.time_s for each in self.lately)

    @property
    def _idle_w(self) -> float | None:
        return None if self.last is None else self.prices.idling_w(self.last)

    def _read(self, total: Share, decisions: int) -> Reading:
        unit = "" if self.last is None else self.last.unit
        return read(total, decisions, unit, self._idle_w)

    @property
    def is_priced(self) -> bool:
        """Whether the cost table has prices for the brain's chip, as far as that is known."""
        return self.last is None or self.prices.tariff_of(self.last) is not None

    @property
    def mean(self) -> Reading:
        """Figures over everything that this brain has driven."""
        return self._read(self.total, self.decisions)

    @property
    def now(self) -> Reading:
        """Latency and energy of the last decision; everything else over the last seconds."""
        recent = self._read(sum(self.lately, NOTHING), len(self.lately))
        if not self.lately:
            return recent
        last, idle_w = self.lately[-1], self._idle_w
        energy_j = None if idle_w is None else last.energy_j(idle_w)
        return replace(recent, latency_s=last.latency_s, energy_j=energy_j)

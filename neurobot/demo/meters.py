"""What a brain takes while it drives: of this decision, lately, and in the mean. Modelled."""

from collections import deque
from dataclasses import dataclass, replace

from neurobot.cost import CostTable
from neurobot.events import Events

LATELY_S = 2.0  # running figures are means over so long
ROUNDING_S = 1e-9  # by which a sum of steps may miss a whole number of them


@dataclass(frozen=True)
class Reading:
    """The figures of a brain; None where it counts no events, or has not driven yet."""

    latency_s: float | None = None  # per decision
    energy_j: float | None = None  # per decision, idle energy until the next one included
    power_w: float | None = None
    sops_per_s: float | None = None  # synaptic operations
    energy_per_metre_j: float | None = None


@dataclass(frozen=True)
class Share:
    """One decision or more, and the time and way that the robot drove by them."""

    time_s: float
    path_m: float
    latency_s: float
    energy_j: float
    synaptic_ops: int

    def __add__(self, other: "Share") -> "Share":
        return Share(
            self.time_s + other.time_s,
            self.path_m + other.path_m,
            self.latency_s + other.latency_s,
            self.energy_j + other.energy_j,
            self.synaptic_ops + other.synaptic_ops,
        )


NOTHING = Share(0.0, 0.0, 0.0, 0.0, 0)


def read(total: Share, decisions: int) -> Reading:
    """Turn the sum of some decisions into mean figures."""
    if decisions == 0 or total.time_s == 0:
        return Reading()
    return Reading(
        latency_s=total.latency_s / decisions,
        energy_j=total.energy_j / decisions,
        power_w=total.energy_j / total.time_s,
        sops_per_s=total.synaptic_ops / total.time_s,
        # A robot that stands still pays for no way at all.
        energy_per_metre_j=total.energy_j / total.path_m if total.path_m > 0 else None,
    )


class Meter:
    """Adds up what the decisions of one brain take, by a cost table."""

    def __init__(self, prices: CostTable) -> None:
        self.prices = prices
        self.total = NOTHING
        self.decisions = 0  # those whose events were counted
        self.lately: deque[Share] = deque()

    def decide(self, events: Events | None, latency_s: float) -> None:
        """Count a decision."""
        if events is None:
            return
        self.decisions += 1
        energy_j = self.prices.dynamic_j(events)
        self._add(Share(0.0, 0.0, latency_s, energy_j, events.synaptic_ops), is_new=True)

    def drive(self, time_s: float, path_m: float) -> None:
        """Count time, and the idle energy that flows in it, and way."""
        self._add(Share(time_s, path_m, 0.0, self.prices.idle_w.nominal * time_s, 0), is_new=False)

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
    def mean(self) -> Reading:
        """Figures over everything that this brain has driven."""
        return read(self.total, self.decisions)

    @property
    def now(self) -> Reading:
        """Latency and energy of the last decision; everything else over the last seconds."""
        recent = read(sum(self.lately, NOTHING), len(self.lately))
        if not self.lately:
            return recent
        last = self.lately[-1]
        return replace(recent, latency_s=last.latency_s, energy_j=last.energy_j)

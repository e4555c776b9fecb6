"""What trials tell: means over draws, and differences of pairs, with 95 % intervals.

Intervals are Student's, over draws alone: they hold for these images, not for others.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, NamedTuple

from neurobot.column_cim.trials import AdcBits, Line
from neurobot.column_cim.variation import Variation

Results = Mapping[int, float]  # accuracy by draw


class Estimate(NamedTuple):
    """A mean and half of its 95 % interval; None: there was one value."""

    mean: float
    half: float | None

    @property
    def resolved(self) -> bool:
        """Whether its sign is known."""
        return self.half is not None and abs(self.mean) > self.half


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of independent values, and half of its 95 % interval."""
    if len(values) < 2:
        return Estimate(mean(values), None)
    from scipy.special import stdtrit  # half of the time that importing this package would take

    most = float(stdtrit(len(values) - 1, 0.975))
    return Estimate(mean(values), most * stdev(values) / math.sqrt(len(values)))


def minus(own: Results, other: Results) -> Results:
    """Return differences by draw; what was tried once pairs with every draw."""
    if len(other) == 1:
        other = dict.fromkeys(own, *other.values())
    if len(own) == 1:
        own = dict.fromkeys(other, *own.values())
    return {draw: own[draw] - other[draw] for draw in sorted(own.keys() & other.keys())}


class Group(NamedTuple):
    """Trials that differ in their draw alone; variation: in JSON."""

    network: str
    adc_bits: AdcBits
    variation: str

    @property
    def plain(self) -> dict[str, Any]:
        """Its values as JSON holds them."""
        return {**self._asdict(), "variation": json.loads(self.variation)}


def by_group(lines: Sequence[Line]) -> dict[Group, Results]:
    """Return accuracies by draw, in the order of the lines."""
    found: dict[Group, dict[int, float]] = {}
    for line in lines:
        variation = json.dumps(line["variation"], sort_keys=True)
        group = Group(line["network"], line["adc_bits"], variation)
        found.setdefault(group, {})[line["draw"]] = line["accuracy"]
    return dict(found)


@dataclass(frozen=True)
class Summary:
    """What became of a network, its converters and a variation, over draws.

    change: to no variation; better, steadier: how much more accurate, and how much less changed,
    than the first network with such converters and this variation; None for that network itself.
    """

    group: Group
    draws: int
    accuracy: Estimate
    change: Estimate
    better: Estimate | None
    steadier: Estimate | None

    @property
    def plain(self) -> dict[str, Any]:
        """A row of JSON."""
        names = ("accuracy", "change", "better", "steadier")
        found = {name: getattr(self, name) for name in names}
        estimates = {name: value and value._asdict() for name, value in found.items()}
        return {**self.group.plain, "draws": self.draws, **estimates}


def summarize(lines: Sequence[Line]) -> list[Summary]:
    """Return a summary of each group of trials, without variation among them."""
    groups = by_group(lines)
    none = json.dumps(Variation().plain, sort_keys=True)
    changes = {
        group: minus(own, groups[group._replace(variation=none)]) for group, own in groups.items()
    }
    first = lines[0]["network"]

    def compared(group: Group, results: Mapping[Group, Results]) -> Estimate | None:
        if group.network == first:
            return None
        pairs = minus(results[group], results[group._replace(network=first)])
        return estimate(list(pairs.values()))

    return [
        Summary(
            group,
            len(own),
            estimate(list(own.values())),
            estimate(list(changes[group].values())),
            compared(group, groups),
            compared(group, changes),
        )
        for group, own in groups.items()
    ]

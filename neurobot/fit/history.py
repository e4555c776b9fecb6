"""What a search has seen: its generations, and what stands out of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from neurobot.fit.score import Tally, Weights, dominated
from neurobot.fit.space import Numbers
from neurobot.ranges import check_types

Candidate = tuple[Numbers, Tally]


@dataclass(frozen=True)
class Generation:
    """Candidates and what came of them; the last is the centre of the distribution."""

    candidates: list[Numbers]
    tallies: list[Tally]
    step: float  # of the distribution, as a share of each range
    seconds: float  # that it took

    @property
    def worlds(self) -> int:
        """How many worlds those drove that drove all."""
        return self.tallies[-1].worlds

    @property
    def decisions(self) -> int:
        """How many decisions all candidates took."""
        return sum(tally.decisions for tally in self.tallies)

    def order(self, weights: Weights) -> list[int]:
        """Order all but the centre, best first: those that drove all worlds lead."""
        asked = self.tallies[:-1]
        return sorted(
            range(len(asked)), key=lambda k: (-asked[k].worlds, -asked[k].score(weights), k)
        )

    def best(self, weights: Weights) -> Candidate:
        """Return the best candidate that was asked for."""
        k = self.order(weights)[0]
        return self.candidates[k], self.tallies[k]

    @property
    def centre(self) -> Candidate:
        """Return the centre of the distribution before this generation."""
        return self.candidates[-1], self.tallies[-1]

    def to_result(self) -> dict[str, Any]:
        """Turn it into what the store keeps."""
        return asdict(self)

    @classmethod
    def from_result(cls, result: dict[str, Any]) -> "Generation":
        """Turn what the store keeps into it."""
        generation = cls(**{**result, "tallies": tallies_of(result["tallies"])})
        check_types("generation", generation)
        return generation


def tallies_of(rows: Any) -> list[Tally]:
    """Read tallies; refuse numbers of other types than are kept, and of no worlds."""
    tallies = [Tally(*row) for row in rows]
    for tally in tallies:
        check_types("tally", tally)
        if not tally.worlds or not tally.decisions:
            raise ValueError("a tally of no worlds found")
    return tallies


def front(generations: Sequence[Generation]) -> list[Candidate]:
    """Return all that no other dominates in success, speed and energy, most successful first.

    Only those count that drove as many worlds as any; which worlds differs by generation.
    """
    kept: list[Candidate] = []
    most = max(generation.worlds for generation in generations)
    for generation in generations:
        for numbers, tally in zip(generation.candidates, generation.tallies, strict=True):
            if tally.worlds < most or dominated(tally, [t for _, t in kept]):
                continue
            kept = [other for other in kept if not dominated(other[1], [tally])]
            kept.append((numbers, tally))
    return sorted(kept, key=lambda found: (-found[1].success_rate, -found[1].mean_speed_mps))

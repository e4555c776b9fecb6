"""Search: how far each layer can be factorized and pruned for a given loss of accuracy.

Layers are taken one after the other, the one with most connections first. For each rank of a grid,
and for the layer as it is, bisection finds the smallest share of connections at which the network,
retrained for a moment on some of the examples, has lost no more than is allowed so far. A layer's
share of the allowance is as the root of its connections; as the last retraining gives back more
than a moment of it, candidates are allowed `slack` times as much. The candidate with fewest
connections stays, as it was retrained, and the next layer goes on from there; where none is good
enough the layer stays as it is, and so does one with hardly any of the connections that are left.
The end is retrained for longer. If it has lost more than is allowed then, the search is repeated
with less slack, by RETREATS, before the network is given back as it was.

All accuracies are those on a validation split. Largest layer first, each with retraining, is how
the published works are read; the grid, the shares and what follows a failure are assumed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.compile.candidates import Bench, Task, digest, drawn
from neurobot.compile.factorize import check_real, low_rank, profitable, ranks
from neurobot.compile.prune import prune
from neurobot.compile.retrain import retrain
from neurobot.quantize.course import Row
from neurobot.quantize.settings import Settings
from neurobot.tdnn.form import Net, Neurons

Array = NDArray[Any]
WHOLE = "network"  # in place of a layer's name
RETREATS = (1.0, 0.6, 0.3)  # shares of the slack, one after the other
ROUNDING = 1e-9  # of accuracies
QUICK = Settings(epochs=1, lr=0.03, batch=64)
FINAL = Settings(epochs=10, lr=0.05, batch=64)


@dataclass(frozen=True, slots=True)
class Plan:
    """How far a search may go, and how.

    max_loss: of accuracy, 0.01 is a point. ranks: the least ones that lose at most such shares of
    what passes a layer, E||W x||^2; those that save no weights are left out. keeps: shares of
    connections.
    unfactorized: whether layers may also be pruned as they are. slack: see the module. examples: so
    many of them retrain a candidate, by `quick`; `final` is for what is left in the end, with all.
    least: layers with a smaller share of the connections stay as they are.
    """

    max_loss: float = 0.003
    slack: float = 2.0
    ranks: tuple[float, ...] = (0.1, 0.03, 0.01)
    keeps: tuple[float, ...] = (0.03, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 1.0)
    unfactorized: bool = True
    least: float = 0.015
    examples: int = 10_000
    quick: Settings = QUICK
    final: Settings = FINAL

    def __post_init__(self) -> None:
        if not 0 <= self.max_loss <= 1:
            raise ValueError(f"max_loss={self.max_loss} found; allowed: 0..1")
        for name in ("ranks", "keeps"):
            for share in getattr(self, name):
                if not 0 < share <= 1:
                    raise ValueError(f"{name}: {share} found; allowed: above 0, at most 1")


DEFAULT = Plan()


class Try(NamedTuple):
    """A candidate: what is done to which layer, and the whole network afterwards."""

    layer: str
    rank: int | None  # None: not factorized
    keep: float
    connections: int
    accuracy: float


class Found(NamedTuple):
    """A network, all that was tried in order, and what was chosen of it."""

    net: Net
    tries: list[Try]
    choices: list[Try]


def connections(*layers: Neurons) -> int:
    """Return how many weights are not 0."""
    return sum(int(layer.fan_ins.sum()) for layer in layers)


def parts_of(name: str, rank: int | None) -> tuple[str, ...]:
    """Return the names of what a layer has become."""
    return (name,) if rank is None else (f"{name}.a", f"{name}.b")


def pruned(net: Net, names: Sequence[str], keep: float) -> Net:
    """Return the network with a share of the connections of each of some layers."""
    for name in names:
        net = prune(net, name, keep)
    return net


def by_choices(net: Net, choices: Sequence[Try], images: Array) -> Iterator[tuple[str, Net]]:
    """Yield the network after factorization, and then pruned, without any retraining."""
    for layer, rank, *_ in choices:
        net = net if rank is None else low_rank(net, layer, rank, images)
    yield "factorize", net
    for layer, rank, keep, *_ in choices:
        net = pruned(net, parts_of(layer, rank), keep)
    yield "prune", net


@dataclass(slots=True)
class Hunt:
    """A search on its way."""

    task: Task
    plan: Plan
    bench: Bench
    watch: Callable[[str], None]
    tries: list[Try] = field(default_factory=list)
    choices: list[Try] = field(default_factory=list)

    def note(self, tried: Try) -> Try:
        """Keep what was tried."""
        self.tries.append(tried)
        how = "" if tried.rank is None else f"rank {tried.rank}, "
        self.watch(
            f"{tried.layer}: {how}{100 * tried.keep:g} %  "
            f"connections {tried.connections:,}  right {100 * tried.accuracy:.2f} %"
        )
        return tried

    def attempt(self, net: Net, layer: str, rank: int | None, keep: float) -> Try:
        """Retrain a candidate for a moment, and note how well it does."""
        score = self.bench.score(net)
        return self.note(Try(layer, rank, keep, connections(*net.layers), score))

    def sparsest(
        self, net: Net, layer: str, rank: int | None, fewest: int, floor: float
    ) -> Try | None:
        """Return the sparsest good candidate, if it may have less than so many connections."""
        parts, best = parts_of(layer, rank), None
        size = connections(*map(net.layer, parts))
        others = connections(*net.layers) - size
        keeps = [keep for keep in sorted(self.plan.keeps) if others + keep * size < fewest]
        low, high = 0, len(keeps)
        while low < high:
            middle = (low + high) // 2
            keep = keeps[middle]
            tried = self.attempt(pruned(net, parts, keep), layer, rank, keep)
            if tried.accuracy >= floor - ROUNDING:
                best, high = tried, middle
            else:
                low = middle + 1
        return best

    def thin(self, net: Net, layer: str, floor: float) -> Net:
        """Return the network with the cheapest form of a layer that is good enough, retrained."""
        self.bench.learned.clear()
        found, chosen, fewest = net, None, connections(*net.layers)
        for rank, form in self.forms(net, layer):
            best = self.sparsest(form, layer, rank, fewest, floor)
            if best is not None and best.connections < fewest:
                found, chosen = pruned(form, parts_of(layer, rank), best.keep), best
                fewest = best.connections
        if chosen is None:
            return net
        self.choices.append(chosen)
        return self.bench.trained(found)

    def forms(self, net: Net, layer: str) -> Iterator[tuple[int | None, Net]]:
        """Yield the network with a layer as it is, and at each rank worth a try."""
        if self.plan.unfactorized:
            yield None, net
        known = ranks(net, layer, self.task.images)
        m, n = len(known.last), known.first.shape[1]
        for rank in sorted({known.losing(share) for share in self.plan.ranks}):
            if profitable(rank, m, n):
                yield rank, known.at(rank)

    def walk(self, net: Net, start: float, allowance: float) -> Net:
        """Return the network after all its layers were made as cheap as is allowed."""
        self.choices.clear()
        order = sorted(net.layers, key=connections, reverse=True)
        shares = np.sqrt([connections(layer) for layer in order])
        floors = start - allowance * np.cumsum(shares) / shares.sum()
        for layer, floor in zip(order, floors.tolist(), strict=True):
            if connections(layer) >= self.plan.least * connections(*net.layers):
                net = self.thin(net, layer.name, floor)
        return net

    def finish(self, net: Net, kept: Path | None) -> Net:
        """Retrain what is left of a network for longer."""
        task, settings = self.task, self.plan.final

        def report(step: int, steps: int, row: Row) -> None:
            if step * settings.epochs % steps == 0:
                epoch = f"epoch {step * settings.epochs // steps} of {settings.epochs}"
                self.watch(f"{WHOLE}: {epoch}  loss {row['loss']:.3f}")

        path = kept and kept / f"{digest(net)[:16]}.pt"
        return retrain(net, task.examples, settings, goal=task.goal, kept=path, watch=report)


def search(
    net: Net,
    task: Task,
    plan: Plan = DEFAULT,
    *,
    kept: Path | None = None,
    watch: Callable[[str], None] | None = None,
) -> Found:
    """Find the cheapest form of a network of real numbers that loses no more than the plan allows.

    kept: a folder for the scores of candidates and for the last training's checkpoint; the same
    search goes on from there, to the same network. watch: is told each candidate and each epoch.
    """
    for layer in net.layers:
        check_real(layer, "factorize")
    bench = Bench(task, drawn(task.examples, plan.examples), plan.quick, kept)
    hunt = Hunt(task, plan, bench, watch or (lambda text: None))
    start = float(task.score(net))
    hunt.note(Try(WHOLE, None, 1.0, connections(*net.layers), start))
    for share in RETREATS:
        thin = hunt.walk(net, start, share * plan.slack * plan.max_loss)
        if not hunt.choices:
            break
        made = hunt.finish(thin, kept)
        score = float(task.score(made))
        hunt.note(Try(WHOLE, None, 1.0, connections(*made.layers), score))
        if score >= start - plan.max_loss - ROUNDING:
            return Found(made, hunt.tries, hunt.choices)
    return Found(net, hunt.tries, [])

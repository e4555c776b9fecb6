"""The search: the cheapest network that loses no more than is allowed, by validation alone."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the search needs PyTorch, extra 'train'")

from chains import Array, differences  # noqa: E402
from small_tasks import CLASSES, COUNT, QUICK, sparse, stripes, untrained  # noqa: E402

from neurobot.compile import candidates, search  # noqa: E402
from neurobot.compile.candidates import SCORES, Task, digest, drawn, image_task  # noqa: E402
from neurobot.compile.compress import compress  # noqa: E402
from neurobot.compile.factorize import low_rank, profitable, ranks  # noqa: E402
from neurobot.compile.fan_in import fan_in  # noqa: E402
from neurobot.compile.prune import prune  # noqa: E402
from neurobot.compile.retrain import accuracy, retrain  # noqa: E402
from neurobot.compile.search import RETREATS, WHOLE, Found, Plan, Try, by_choices  # noqa: E402
from neurobot.quantize.course import Goal, cross_entropy  # noqa: E402
from neurobot.quantize.datasets import Dataset  # noqa: E402
from neurobot.quantize.examples import Labelled, Tensors  # noqa: E402
from neurobot.tdnn import Clocking, Net  # noqa: E402

PLAN = Plan(
    max_loss=0.05,
    ranks=(0.3, 0.1),
    keeps=(0.05, 0.2, 1.0),
    examples=120,
    quick=replace(QUICK, epochs=1),
    final=replace(QUICK, epochs=3),
)


class Forbidden:
    """A split that nobody may look at."""

    @property
    def labels(self) -> Any:
        raise AssertionError("somebody looked at the labels of the test")

    def take(self, numbers: Any, generator: Any = None) -> Any:
        raise AssertionError("somebody looked at the images of the test")


def dataset() -> Dataset:
    names = tuple("abc")
    return Dataset("stripes", names, stripes(), stripes(200, seed=9), Forbidden())


@pytest.fixture(scope="module")
def trained() -> Net:
    return retrain(untrained(), Labelled(stripes()), replace(QUICK, epochs=8))


@pytest.fixture(scope="module")
def found(trained: Net) -> Found:
    return search.search(trained, image_task(dataset()), PLAN)


def total(net: Net) -> int:
    return sum(int(np.count_nonzero(layer.weights)) for layer in net.layers)


# --- with training ---


def test_the_network_found_is_small_and_within_the_allowance(trained: Net, found: Found) -> None:
    start, end = (accuracy(net, dataset().validation) for net in (trained, found.net))
    assert start > 0.95
    assert end >= start - PLAN.max_loss
    assert 3 * total(found.net) < total(trained)
    assert found.tries[0] == Try(WHOLE, None, 1.0, total(trained), start)
    assert found.tries[-1] == Try(WHOLE, None, 1.0, total(found.net), end)
    assert found.net.clocking == trained.clocking
    assert found.net.notes == trained.notes


def test_layers_are_taken_from_the_largest_to_the_smallest(found: Found) -> None:
    order = [name for name, _ in groupby(found.tries, key=lambda tried: tried.layer)]
    assert order == [WHOLE, "hidden", "conv", "scores", WHOLE]
    chosen = [tried.layer for tried in found.choices]
    assert chosen == [name for name in order if name in chosen]
    assert all(tried in found.tries for tried in found.choices)


def test_nothing_is_printed_and_the_watcher_is_told(
    trained: Net, found: Found, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    again = search.search(trained, image_task(dataset()), PLAN, watch=told.append)
    assert capsys.readouterr() == ("", "")
    assert sum("connections" in text for text in told) == len(again.tries)
    assert sum("epoch" in text for text in told) == PLAN.final.epochs
    assert again.tries == found.tries
    assert again.choices == found.choices
    assert not differences(again.net, found.net)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the trainings of candidates, and how many steps the last training takes."""
    counts = [0, 0]

    def quick(*given: Any, **more: Any) -> Net:
        counts[0] += 1
        return retrain(*given, **more)

    def final(*given: Any, **more: Any) -> Net:
        told = more.pop("watch")

        def watch(step: int, steps: int, row: Any) -> None:
            counts[1] += 1
            told(step, steps, row)

        return retrain(*given, **more, watch=watch)

    monkeypatch.setattr(candidates, "retrain", quick)
    monkeypatch.setattr(search, "retrain", final)
    return counts


@pytest.mark.parametrize("last", ["conv", "epoch 2"])
def test_an_interrupted_search_goes_on_to_the_same_network(
    trained: Net, found: Found, last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def stop(text: str) -> None:
        told.append(text)
        if last in text:
            raise KeyboardInterrupt

    counts, task = counted(monkeypatch), image_task(dataset())
    with pytest.raises(KeyboardInterrupt):
        search.search(trained, task, PLAN, kept=tmp_path, watch=stop)
    known = json.loads((tmp_path / SCORES).read_text())
    assert counts[0] == len(known) == sum("connections" in text for text in told) - 1
    before = list(counts)
    again = search.search(trained, task, PLAN, kept=tmp_path)
    assert again.tries == found.tries
    assert not differences(again.net, found.net)
    tried = len(found.tries) - 2
    assert counts[0] - before[0] <= tried - len(known) + len(found.choices)
    if last != "conv":
        assert 0 < before[1] < counts[1]
        assert counts[1] < 2 * before[1] + 8, "the last training began anew"


def test_other_settings_do_not_use_the_scores_that_are_kept(trained: Net, tmp_path: Path) -> None:
    task = image_task(dataset())
    search.search(trained, task, PLAN, kept=tmp_path)
    first = json.loads((tmp_path / SCORES).read_text())
    other = replace(PLAN, quick=replace(PLAN.quick, seed=7))
    there = search.search(trained, task, other, kept=tmp_path)
    both = json.loads((tmp_path / SCORES).read_text())
    assert first.items() < both.items()
    assert not differences(there.net, search.search(trained, task, other).net)


def test_scores_that_cannot_be_read_are_refused(trained: Net, tmp_path: Path) -> None:
    for text in ("{", "[1]", '{"a": "b"}'):
        (tmp_path / SCORES).write_text(text)
        with pytest.raises(ValueError, match=r"scores\.json: no scores of a search"):
            search.search(trained, image_task(dataset()), PLAN, kept=tmp_path)


def test_where_nothing_is_good_enough_the_network_comes_back_as_it_was(trained: Net) -> None:
    plan = replace(PLAN, max_loss=0.0, keeps=(0.01,))
    there = search.search(trained, image_task(dataset()), plan)
    assert there.net is trained
    assert there.choices == []
    assert len(there.tries) > 4


def test_the_tasks_own_goal_is_learned(trained: Net) -> None:
    calls: list[int] = []

    def loss(outputs: Any, targets: Any) -> Any:
        calls.append(len(outputs))
        return cross_entropy(outputs, targets)

    plan = replace(PLAN, ranks=(), keeps=(0.7,), max_loss=1.0)
    task = replace(image_task(dataset()), goal=Goal(loss, None))
    there = search.search(trained, task, plan)
    assert len(there.choices) == 3
    steps = 3 * (plan.examples // QUICK.batch) + plan.final.epochs * (COUNT // QUICK.batch)
    assert len(calls) == steps


# --- the rule alone: nothing is trained, and scores follow from connections ---


def untaught(net: Net, *given: Any, **more: Any) -> Net:
    return net


def marked(net: Net, *given: Any, **more: Any) -> Net:
    return net.with_notes({"final": True})


def ruled(score: Callable[[Net], float], monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(candidates, "retrain", untaught)
    monkeypatch.setattr(search, "retrain", marked)
    return Task(Labelled(stripes()), score, stripes().images[:50])


def exhaustive(net: Net, task: Task, plan: Plan, share: float) -> Net:
    """Try everything: of all that is good enough in a layer, the one with fewest connections."""
    start, spent = task.score(net), 0.0
    order = sorted(net.layers, key=lambda layer: -total_of(layer))
    roots = [np.sqrt(total_of(layer)) for layer in order]
    for layer, root in zip(order, roots, strict=True):
        spent += root / sum(roots)
        known, options = ranks(net, layer.name, task.images), [(net, [layer.name])]
        m, n = len(layer.weights), layer.weights[0].size
        for rank in sorted({known.losing(lost) for lost in plan.ranks}):
            if profitable(rank, m, n):
                made = low_rank(net, layer.name, rank, task.images)
                options.append((made, [f"{layer.name}.a", f"{layer.name}.b"]))
        for whole, parts in options:
            for keep in plan.keeps:
                thin = whole
                for part in parts:
                    thin = prune(thin, part, keep)
                floor = start - share * plan.slack * plan.max_loss * spent - 1e-9
                if task.score(thin) >= floor and total(thin) < total(net):
                    net = thin
    return net


def total_of(layer: Any) -> int:
    return int(np.count_nonzero(layer.weights))


def by_share(lost: float, final: float) -> Callable[[Net], float]:
    """Score networks by their share of connections; those retrained at the end by another rule."""
    every = total(untrained())

    def score(net: Net) -> float:
        return 1 - (final if net.notes.get("final") else lost) * (1 - total(net) / every)

    return score


@pytest.mark.parametrize("max_loss", [0.1, 0.2, 0.4])
def test_the_cheapest_that_is_good_enough_is_chosen(
    max_loss: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, task = untrained(), ruled(by_share(1.0, 0.0), monkeypatch)
    plan = replace(PLAN, max_loss=max_loss, keeps=(0.05, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0))
    there = search.search(net, task, plan)
    expected = exhaustive(net, task, plan, 1.0)
    assert total(there.net) == total(expected) < total(net)
    assert [stage.name for stage in there.net.stages] == [stage.name for stage in expected.stages]
    assert len(there.tries) < 3 * 3 * 8


@pytest.mark.parametrize(("final", "rounds"), [(0.4, 1), (0.8, 2), (1.6, 3), (4.0, None)])
def test_a_search_that_went_too_far_is_repeated_with_less_slack(
    final: float, rounds: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, task = untrained(), ruled(by_share(1.0, final), monkeypatch)
    shares = (0.3, *np.linspace(0.5, 1, 26).tolist())
    plan = replace(PLAN, max_loss=0.2, keeps=shares, ranks=())
    there = search.search(net, task, plan)
    ends = [tried for tried in there.tries[1:] if tried.layer == WHOLE]
    assert len(ends) == (rounds or len(RETREATS))
    fine = [tried.accuracy >= 1 - plan.max_loss for tried in ends]
    assert fine == [False] * (len(ends) - 1) + [rounds is not None]
    if rounds is None:
        assert there.net is net
        assert there.choices == []
    else:
        expected = exhaustive(net, task, plan, RETREATS[rounds - 1])
        assert total(there.net) == total(expected)
        assert len({tried.layer for tried in there.choices}) == len(there.choices)
        assert ends[-1].connections == total(there.net)


def test_layers_may_have_to_be_factorized(monkeypatch: pytest.MonkeyPatch) -> None:
    task = ruled(lambda net: 1.0, monkeypatch)
    free, bound = (
        search.search(untrained(), task, replace(PLAN, unfactorized=each)) for each in (True, False)
    )
    assert {tried.rank for tried in free.tries} > {tried.rank for tried in bound.tries[1:-1]}
    assert None not in {tried.rank for tried in bound.tries[1:-1]}


def test_layers_with_hardly_any_connections_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    task = ruled(lambda net: 1.0, monkeypatch)
    net = untrained()  # 36, 768 and 36 connections
    for least, layers in ((0.95, 0), (0.33, 1), (0.32, 3)):  # then 38 + 36 + 36, 38 + 2 + 36
        plan = replace(PLAN, ranks=(), keeps=(0.05,), least=least)
        assert len(search.search(net, task, plan).choices) == layers, least


def test_the_choices_lead_to_the_network_before_retraining(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, task = untrained(), ruled(by_share(1.0, 0.0), monkeypatch)
    plan = replace(PLAN, max_loss=0.3, unfactorized=False, keeps=(0.4, 0.7, 1.0))
    there = search.search(net, task, plan)
    assert any(tried.rank for tried in there.choices)
    (one, factorized), (two, thin) = by_choices(net, there.choices, task.images)
    assert (one, two) == ("factorize", "prune")
    names = [stage.name for stage in there.net.stages]
    assert [stage.name for stage in factorized.stages] == names
    for layer, made in zip(thin.layers, there.net.layers, strict=True):
        assert total_of(layer) == total_of(made), layer.name
    assert total(thin) < total(factorized)


# --- parts ---


def test_some_examples_are_always_the_same_ones() -> None:
    inputs = torch.arange(50).float()[:, None]
    every = Tensors(inputs, (inputs[:, 0] + 100,))
    some, chance = drawn(every, 20), np.random.default_rng(0)
    values, (targets,) = some.take(np.arange(20), chance)
    assert len(some) == len({float(value) for value in values}) == 20
    assert torch.equal(values[:, 0] + 100, targets)
    assert torch.equal(some.take(np.array([3, 1]), chance)[0], values[[3, 1]])
    assert some.checksum() == drawn(every, 20).checksum() != drawn(every, 19).checksum()
    assert some.checksum() != drawn(Tensors(inputs + 1, every.targets), 20).checksum()
    assert drawn(every, 50) is every


def test_a_digest_tells_networks_apart() -> None:
    net = untrained()

    def changed(which: str, **more: Any) -> Net:
        return net.replaced(lambda stage: replace(stage, **more) if stage.name == which else stage)

    weights: Array = np.array(net.layer("conv").weights)
    weights[0, 0, 0, 0] += 1e-9
    others = [
        changed("conv", weights=weights),
        changed("conv", bias=np.ones(4)),
        changed("conv", scale=np.full(4, 2.0)),
        changed("conv", high=3.0),
        changed("conv", name="first"),
        changed("pool", padding=(1, 1), size=(4, 4)),
        replace(net, input_bits=7),
        replace(net, output_scale=0.5),
    ]
    assert len({digest(each) for each in (net, *others)}) == 1 + len(others)
    assert digest(fan_in(net, 4)) == digest(net) == digest(replace(net, clocking=Clocking(20, 20)))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"max_loss": -0.1}, r"max_loss=-0\.1 found; allowed: 0\.\.1"),
        ({"keeps": (0.0,)}, r"keeps: 0\.0 found; allowed: above 0, at most 1"),
        ({"ranks": (0.1, 1.5)}, r"ranks: 1\.5 found; allowed: above 0, at most 1"),
    ],
)
def test_plans_that_cannot_be_are_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Plan(**more)


def test_integers_are_refused_by_name() -> None:
    net = compress(sparse(untrained()), stripes().images)
    with pytest.raises(ValueError, match=r"conv: integers found; .* factorize before compress"):
        search.search(net, image_task(dataset()), PLAN)


def test_the_task_has_as_many_classes_as_the_network() -> None:
    assert untrained().signals[-1].shape == (1, 1, CLASSES)

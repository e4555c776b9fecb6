"""The export to NIR: a graph does what the chip does, and what NIR cannot say is refused."""

import importlib.util
import itertools
import math
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import small

from neurobot.controllers import veto
from neurobot.controllers.programs import ROAM
from neurobot.iqif import Neurons, simulate
from neurobot.poppins import Chip, Poppins, Population

nir: Any = pytest.importorskip("nir", reason="the export to NIR needs the package nir")

from neurobot.transfer.nir_graph import to_nir  # noqa: E402

TICK_S = 0.002


def cells(*rows: tuple[int, int, int, int, int, int]) -> Neurons:
    return Neurons(*np.array(rows).T)


def integrator(tau: int, reset: int = 0) -> tuple[int, int, int, int, int, int]:
    return (0, 77, reset, 3, 0, tau)


def pair(first: Neurons, second: Neurons, **changes: Any) -> Poppins:
    """Two populations whose weights, tonic and amplitude may be given as matrix and vectors."""
    a, count = len(first), len(first) + len(second)
    weights = np.array(changes.get("weights", np.zeros((count, count), int)))
    return Poppins(
        Population(first, weights[:a, :a]),
        Population(second, weights[a:, a:]),
        changes.get("amplitude", [0] * count),
        changes.get("tonic", [0] * count),
        weights[:a, a:],
        weights[a:, :a],
        Chip(weight_bits=16, stimulus_bits=16),
    )


def spikes_of(graph: Any, trains: Any) -> Any:
    """Run a graph whose currents all act at once, tick by tick, by the equations of its nodes."""
    node = graph.nodes
    potential = np.zeros(trains.shape[1])
    spikes = np.zeros(trains.shape)
    for t, train in enumerate(trains.astype(float)):
        stimulus = node["stimulus"].weight @ train + node["stimulus"].bias
        before = spikes[t - 1]  # none in the first tick, for nothing is written yet
        current = node["at_once"].scale * (node["weights"].weight @ before)
        potential += TICK_S * node["neurons"].r * (stimulus + current)
        fired = potential > node["neurons"].v_threshold
        potential[fired] = node["neurons"].v_reset[fired]
        spikes[t] = fired
    return spikes


def test_integrators_spike_as_on_the_chip() -> None:
    rng = np.random.default_rng(31)
    fired = 0
    for case in range(60):
        rows = [integrator(int(rng.integers(0, 2)), int(rng.integers(0, 256))) for _ in range(5)]
        network = pair(
            cells(*rows[:2]),
            cells(*rows[2:]),
            weights=rng.integers(0, 200, (5, 5)) * (rng.random((5, 5)) < 0.5),
            tonic=rng.integers(0, 40, 5),
            amplitude=rng.integers(0, 257, 5),
        )
        trains = rng.random((50, 5)) < 0.2
        amplitude, tonic = network.stimulus
        expected = simulate(network.neurons, network.weights, tonic + amplitude * trains).spikes
        found = spikes_of(to_nir(network, TICK_S), trains)
        np.testing.assert_array_equal(found, expected, f"network {case}")
        fired += int(expected.sum())
    assert fired > 1000


@pytest.mark.parametrize("tau", [1, 2, 3, 4, 8, 100, 32768])
def test_a_lasting_current_decays_and_charges_as_on_the_chip(tau: int) -> None:
    graph = to_nir(pair(cells(integrator(tau)), cells(integrator(0))), TICK_S)
    (decay, _), (gain, _) = graph.nodes["current"].tau, graph.nodes["current"].r
    assert graph.nodes["at_once"].scale.tolist() == [0.0, 1.0]
    assert graph.nodes["current"].r[1] == 0.0
    kept = 1.0 - 1.0 / 2 ** int(math.log2(tau))
    if kept > 0.0:
        assert math.exp(-TICK_S / decay) == pytest.approx(kept, rel=1e-12)
    current, charge = 1.0, 0.0
    while current > 1e-9:  # the chip without rounding: decay, then act
        current *= kept
        charge += current
    assert gain == pytest.approx(charge, abs=1e-4)


def test_weights_go_from_row_to_column() -> None:
    weights = np.arange(9).reshape(3, 3)
    network = pair(cells(integrator(0)), cells(integrator(2), integrator(0)), weights=weights)
    graph = to_nir(network, TICK_S)
    np.testing.assert_array_equal(graph.nodes["weights"].weight, weights.T)


def naive_force(cell: tuple[int, int, int, int], v: Fraction) -> Fraction:
    rest, threshold, a, b = cell
    branch = Fraction(a * rest + b * threshold, a + b)
    return Fraction(a, 8) * (rest - v) if v < branch else Fraction(b, 8) * (v - threshold)


def test_what_is_exported_is_what_is_linear_and_does_not_run_away() -> None:
    points = [Fraction(n, 4) for n in range(4 * 256 + 1)]
    linear, exported = 0, 0
    ends = (0, 1, 200, 255)
    for cell in itertools.product(ends, ends, (0, 1, 15), (0, 1, 8)):
        rest, threshold, a, b = cell
        if a == b == 0:
            continue
        force = [naive_force(cell, v) for v in points]
        slopes = {after - before for before, after in itertools.pairwise(force)}
        is_linear, falls = len(slopes) == 1, max(slopes) <= 0
        network = pair(cells((rest, threshold, 9, a, b, 0)), cells(integrator(0)))
        linear += is_linear
        if is_linear and falls:
            assert slopes == {0}, "there is no leak that does not bend"
            to_nir(network, TICK_S)
            exported += 1
        else:
            with pytest.raises(ValueError, match="NIR has no piecewise-linear or quadratic neuron"):
                to_nir(network, TICK_S)
    assert 0 < exported < linear


NO_NEURON = r"found; allowed: 0 and 0, for NIR has no piecewise-linear or quadratic neuron$"
GOOD = cells(integrator(0), integrator(8))
BAD = {
    "quadratic": (
        pair(GOOD, cells((128, 200, 128, 1, 1, 8))),
        f"second population, neuron 0: rest 128 and slope_threshold 1 {NO_NEURON}",
    ),
    "bent at 255": (
        pair(cells(integrator(0), (0, 255, 0, 0, 1, 0)), GOOD),
        f"first population, neuron 1: rest 0 and slope_threshold 1 {NO_NEURON}",
    ),
    "bent at rest": (
        pair(GOOD, cells((3, 9, 0, 1, 0, 0))),
        f"second population, neuron 0: rest 3 and slope_threshold 0 {NO_NEURON}",
    ),
    "runs away": (
        pair(cells((0, 0, 0, 0, 1, 0)), GOOD),
        f"first population, neuron 0: rest 0 and slope_threshold 1 {NO_NEURON}",
    ),
    "a small network": (small(), f"first population, neuron 0: rest 1 and .* {NO_NEURON}"),
    "inhibition": (
        pair(GOOD, GOOD, weights=[[0, 0, 0, 0], [0, 0, 0, -7], [5] * 4, [0] * 4]),
        "second population, neuron 1: an input of -7 found; allowed: none below 0, for NIR",
    ),
    "tonic": (
        pair(GOOD, GOOD, tonic=[0, -1, 0, 0], amplitude=[5] * 4),
        "first population, neuron 1: an input of -1 found; allowed: none below 0",
    ),
    "amplitude": (
        pair(GOOD, GOOD, tonic=[2] * 4, amplitude=[-2, -2, -2, -5]),
        "second population, neuron 1: an input of -3 found",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_nir_cannot_say_is_refused(case: str) -> None:
    network, sentence = BAD[case]
    with pytest.raises(ValueError, match=f"^{sentence}"):
        to_nir(network, TICK_S)


def test_our_own_networks_are_refused() -> None:
    network = veto.build(ROAM.wiring, np.linspace(-2.3, 2.3, veto.SECTORS), Chip())
    with pytest.raises(ValueError, match=f"first population, neuron 0: .*{NO_NEURON}"):
        to_nir(network, TICK_S)


@pytest.mark.parametrize("tick_s", [0.0, -1.0, math.nan, math.inf])
def test_a_tick_has_a_length(tick_s: float) -> None:
    with pytest.raises(ValueError, match=rf"^tick_s = {re.escape(str(tick_s))} found; allowed: "):
        to_nir(pair(GOOD, GOOD), tick_s)


def test_the_graph_is_a_file_of_nir(tmp_path: Path) -> None:
    network = pair(GOOD, cells(integrator(1, 200)), weights=np.ones((3, 3), int), tonic=[1, 2, 3])
    graph = to_nir(network, TICK_S)
    nir.write(tmp_path / "graph.nir", graph)
    found = nir.read(tmp_path / "graph.nir")
    assert found.nodes.keys() == graph.nodes.keys()
    assert sorted(found.edges) == sorted(graph.edges)
    for name, node in graph.nodes.items():
        for key, value in vars(node).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(getattr(found.nodes[name], key), value, name)


def test_without_nir_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nir", None)
    spec = importlib.util.find_spec("neurobot.transfer.nir_graph")
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ModuleNotFoundError, match=re.escape("pip install 'neurobot[nir]'")):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))

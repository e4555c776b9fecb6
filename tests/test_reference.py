"""Brian2 against our kernels, and its floats against the same equations stepped by hand."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurobot.iqif import Neurons, trace
from neurobot.poppins import Chip, Poppins, Population

brian2: Any = pytest.importorskip("brian2", reason="pip install 'neurobot[brian]'")

from neurobot import reference  # noqa: E402
from neurobot.reference import FLOATS, INTEGERS, Rules, approximated, exact  # noqa: E402

SIZES = (7, 5)
CHIPS: tuple[dict[str, Any], ...] = (
    {},
    {"current_bits": 8},
    {"current_bits": 8, "wraps": True},
    {"rounds_to_zero": True},
    {"weight_shift": 2},
)


def draw_neurons(rng: np.random.Generator, count: int) -> Neurons:
    rest, threshold, reset = rng.integers(0, 256, (3, count))
    a, b = rng.integers(0, 9, count), rng.integers(1, 9, count)
    return Neurons(rest, threshold, reset, a, b, rng.choice([0, 1, 2, 5, 8, 16, 100], count))


def draw_network(rng: np.random.Generator, chip: Chip, coupled: bool = True) -> Poppins:
    a, b = SIZES

    def draw(rows: int, columns: int) -> Any:
        return rng.integers(-128, 128, (rows, columns)) * (rng.random((rows, columns)) < 0.5)

    return Poppins(
        Population(draw_neurons(rng, a), draw(a, a)),
        Population(draw_neurons(rng, b), draw(b, b)),
        np.zeros(a + b, int),
        np.zeros(a + b, int),
        draw(a, b) if coupled else None,
        draw(b, a) if coupled else None,
        chip,
    )


def draw_drives(rng: np.random.Generator, copies: int = 3, ticks: int = 80) -> Any:
    return rng.integers(-40, 80, (copies, ticks, sum(SIZES)), np.int32)


@pytest.mark.parametrize("options", CHIPS)
@pytest.mark.parametrize("coupled", [True, False])
def test_integers_in_brian2_equal_ours(options: dict[str, Any], coupled: bool) -> None:
    rng = np.random.default_rng([7, len(str(options)), coupled])
    network = draw_network(rng, Chip(**options), coupled)
    drives = draw_drives(rng)
    theirs = exact(network, drives)
    as_floats = approximated(network, drives, INTEGERS, states=True)
    assert 0.05 < theirs.spikes.mean() < 0.95
    for copy, drive in enumerate(drives):
        ours = trace(network.silicon, drive)
        for name, values in vars(ours).items():
            for run in (theirs, as_floats):
                np.testing.assert_array_equal(values, getattr(run, name)[copy], err_msg=name)


def step_by_hand(network: Poppins, drive: Any, rules: Rules, quadratic: bool) -> tuple[Any, Any]:
    """The float model, neuron by neuron, with ordinary arithmetic."""
    cells = network.neurons
    weights = network.weights
    v = [float(rest) for rest in cells.rest]
    current = [0.0 for _ in v]
    fired = [False for _ in v]
    potentials, spikes = [], []
    for stimuli in drive:
        for i in np.flatnonzero(fired):
            for j in range(len(v)):
                current[j] += int(weights[i, j])
        for j in range(len(v)):
            rest, threshold = int(cells.rest[j]), int(cells.threshold[j])
            a, b = int(cells.slope_rest[j]), int(cells.slope_threshold[j])
            if rules.clamp:
                current[j] = min(max(current[j], -32768.0), 32767.0)
            if cells.tau[j] and rules.decay:
                loss = current[j] // 2 ** (int(cells.tau[j]).bit_length() - 1)
                current[j] -= loss if loss else np.sign(current[j])
            elif cells.tau[j]:
                current[j] *= 1 - 0.5 ** (int(cells.tau[j]).bit_length() - 1)
            branch = (a * rest + b * threshold) / (a + b)
            if rules.floor:
                branch = branch // 1
            force = a * (rest - v[j]) / 8 if v[j] < branch else b * (v[j] - threshold) / 8
            if quadratic:
                deepest = a * b * (threshold - rest) / (8 * (a + b))
                middle, half = (rest + threshold) / 2, (threshold - rest) / 2
                force = deepest * (((v[j] - middle) / half) ** 2 - 1)
            if rules.floor:
                force = force // 1
            v[j] += force + current[j] + int(stimuli[j])
            fired[j] = v[j] >= 256
            if fired[j]:
                v[j] = float(cells.reset[j])
            elif rules.clamp:
                v[j] = max(v[j], 0.0)
            if not cells.tau[j]:
                current[j] = 0.0
        potentials.append(list(v))
        spikes.append(list(fired))
    return np.array(potentials), np.array(spikes)


@pytest.mark.parametrize(
    "rules",
    [FLOATS, Rules(floor=True), Rules(clamp=True), Rules(decay=True), Rules(True, True, False)],
)
@pytest.mark.parametrize("quadratic", [False, True])
def test_floats_equal_the_equations_stepped_by_hand(rules: Rules, quadratic: bool) -> None:
    rng = np.random.default_rng(5)
    network = draw_network(rng, Chip())
    rest, threshold = np.sort([network.neurons.rest, network.neurons.threshold + 1], axis=0)
    threshold = np.clip(np.maximum(threshold, rest + 20), 0, 255)
    rest = np.minimum(rest, threshold - 20)
    cells = {**vars(network.neurons), "rest": rest, "threshold": threshold}
    cells["slope_rest"] = np.maximum(cells["slope_rest"], 1)
    halves = [
        Neurons(**{name: values[part] for name, values in cells.items()})
        for part in (slice(SIZES[0]), slice(SIZES[0], None))
    ]
    network = Poppins(
        Population(halves[0], network.first.weights),
        Population(halves[1], network.second.weights),
        network.amplitude,
        network.tonic,
        network.forward,
        network.backward,
    )
    drives = draw_drives(rng, copies=1, ticks=25)
    run = approximated(network, drives, rules, quadratic=quadratic, states=True)
    potentials, spikes = step_by_hand(network, drives[0], rules, quadratic)
    assert spikes.any()
    np.testing.assert_array_equal(run.spikes[0], spikes)
    # The same products in another order of operations; 25 ticks let their last bits grow.
    np.testing.assert_allclose(np.asarray(run.potential)[0], potentials, rtol=1e-7, atol=1e-7)


def lone(rest: int, threshold: int, reset: int, a: int, b: int) -> Poppins:
    cell = Neurons(*(np.array([value]) for value in (rest, threshold, reset, a, b, 8)))
    return Poppins(Population(cell, [[0]]), Population(cell, [[0]]), [0, 0], [0, 0])


@pytest.mark.parametrize("quadratic", [False, True])
def test_the_parabola_has_the_rheobase_of_the_two_slopes(quadratic: bool) -> None:
    network = lone(128, 200, 128, 1, 1)  # rheobase 1 * 1 * 72 / (8 * 2) = 4.5
    drives = np.broadcast_to(np.array([4, 5])[:, None, None], (2, 400, 2))
    fired = approximated(network, drives, quadratic=quadratic).spikes.any(axis=(1, 2))
    assert fired.tolist() == [False, True]


def test_the_floor_of_the_force_leaves_a_plateau_below_rest() -> None:
    drives = np.zeros((1, 200, 2), np.int32)
    drives[0, 0] = -60
    chip, floats = (
        np.asarray(approximated(lone(128, 200, 128, 1, 1), drives, rules, states=True).potential)
        for rules in (Rules(floor=True), FLOATS)
    )
    assert (chip[0, -1] == 121).all()
    assert (abs(floats[0, -1] - 128) < 1e-6).all()


def test_long_runs_use_a_compiler_where_there_is_one() -> None:
    usual = brian2.prefs.codegen.target
    for steps, target in ((reference.COMPILE_FROM - 1, "numpy"), (reference.COMPILE_FROM, "auto")):
        with reference.code_generation(steps):
            assert brian2.prefs.codegen.target == target
        assert brian2.prefs.codegen.target == usual


def test_an_interrupted_run_does_not_pass_for_a_whole_one() -> None:
    drives = np.zeros((1, 50, 2), np.int32)

    def interrupt() -> None:
        brian2.Network._globally_stopped = True  # what Brian2 does at Ctrl-C

    simulation = reference.Simulation(lone(128, 200, 128, 1, 1), drives)
    simulation.objects.append(brian2.NetworkOperation(interrupt, dt=reference.TICK))
    with pytest.raises(KeyboardInterrupt):
        simulation.run(states=False)


@pytest.mark.parametrize(
    ("drives", "sentence"),
    [
        (np.zeros((1, 5, 3)), r"drives: shape \(1, 5, 3\) found, \(any, any, 2\) needed"),
        (np.zeros((5, 2)), r"drives: shape \(5, 2\) found, \(any, any, 2\) needed"),
        (np.full((1, 5, 2), 0.5), "drives: float64 values found, whole numbers needed"),
    ],
)
def test_drives_that_do_not_fit_are_refused(drives: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        exact(lone(128, 200, 128, 1, 1), drives)


@pytest.mark.parametrize(
    "code", ["raise ModuleNotFoundError('brian2')", "raise AttributeError('ptp')"]
)
def test_a_brian2_that_does_not_load_names_the_extra(code: str, tmp_path: Path) -> None:
    (tmp_path / "brian2.py").write_text(code)
    command = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import neurobot.reference"
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("pip install 'neurobot[brian]'")

"""The mind on arrays of memory cells: what ships, how it decides, its options, what is refused."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray
from records import fault_of

from neurobot import evaluate
from neurobot.cli import main
from neurobot.column_cim import Machine, Silicon, Variation, with_adc
from neurobot.controllers import CIM_NETWORKS, COMPARED, WEIGHTS, make_controller
from neurobot.controllers.cim import CLOCK_HZ
from neurobot.controllers.steering import CHOICES, make_choices
from neurobot.cost import tables_of
from neurobot.events import CimEvents
from neurobot.loop import Observation, attach, run_episode
from neurobot.metrics import summarize
from neurobot.qnet import ColumnConv, forward, load

Array = NDArray[Any]
AVOIDANCE, NAVIGATION = "neurobot/Avoidance-v0", "neurobot/Navigation-v0"
SHORT: dict[str, Any] = {"time_limit_s": 3.0}
MOST_BYTES, MOST_WEIGHTS = 200_000, 100_000


def open_camera(env: str = AVOIDANCE, **options: Any) -> Any:
    return gym.make(env, sensor="camera", **options).unwrapped


def seated(name: str = "cnn-cim-4b", **options: Any) -> Any:
    controller = make_controller(name)
    attach(controller, open_camera(**options))
    controller.reset(0)
    return controller


@pytest.fixture(scope="module")
def views() -> list[Observation]:
    """What a robot sees that drives about at random, and where its goal is."""
    env, rng, seen = open_camera(NAVIGATION), np.random.default_rng(0), []
    for seed in range(3):
        seen.append(env.reset(seed=seed)[0])
        for _ in range(8):
            observation, _, ended, _, _ = env.step(rng.uniform(0, 1, 2))
            seen.append(observation)
            if ended:
                break
    return seen[::3]


def votes_of(controller: Any, views: list[Observation]) -> Array:
    made = []
    for view in views:
        controller.act(view)
        made.append(controller.votes.copy())
    return np.stack(made)


# What ships


@pytest.mark.parametrize("name", CIM_NETWORKS)
def test_networks_are_small_and_have_the_converters_of_their_names(name: str) -> None:
    path = WEIGHTS / f"{name}.npz"
    assert path.stat().st_size < MOST_BYTES
    network = load(path)
    assert network.input_shape == (36, 96, 1)
    assert network.output.shape == (1, 1, CHOICES)
    assert network.parameters <= MOST_WEIGHTS
    assert "command" in network.notes
    columns = [conv for conv in network.convs if isinstance(conv, ColumnConv)]
    assert len(columns) == len(network.convs) - 2  # all but the first and the last layer
    for conv in columns:
        assert (conv.rows, conv.weight_bits, conv.cell_bits) == (128, 4, 2)
        assert conv.adc_bits == CIM_NETWORKS[name]


def test_it_is_compared_where_no_controller_is_named() -> None:
    assert "cnn-cim-4b" in COMPARED


# How it decides


def test_the_decision_is_the_greatest_score_with_the_goal(views: list[Observation]) -> None:
    network, controller = load(WEIGHTS / "cim-4b.npz"), seated()
    angles = make_choices()[:, 0]
    for view in views:
        controller.act(view)
        logits = forward(network, view["camera"][None])[0] * network.output_scale
        bearing = math.atan2(view["goal"][1], view["goal"][0])
        logits = logits + 6 * np.cos(bearing - angles)
        # The wish is added in units of scores, and the goal is a float32.
        np.testing.assert_allclose(controller.layers["votes"], logits, rtol=1e-12, atol=1e-6)


def test_other_converters_are_those_of_with_adc(views: list[Observation]) -> None:
    network = load(WEIGHTS / "cim-4b.npz")
    for text, bits in (("2", 2), ("null", None)):
        machine = Machine(with_adc(network, bits))
        controller = seated(f"cnn-cim-4b?adc_bits={text}")
        for view in views[:3]:
            scores = machine.run(view["camera"])
            np.testing.assert_array_equal(controller.score(view), scores)
    assert (votes_of(seated("cnn-cim-4b?adc_bits=2"), views) != votes_of(seated(), views)).any()


def test_cells_vary_by_draw_and_not_from_run_to_run(views: list[Observation]) -> None:
    plain = votes_of(seated(), views)
    np.testing.assert_array_equal(votes_of(seated("cnn-cim-4b?sigma=0"), views), plain)
    varied = [votes_of(seated(f"cnn-cim-4b?sigma=0.3&draw={draw}"), views) for draw in (0, 0, 1)]
    np.testing.assert_array_equal(varied[0], varied[1])
    assert (varied[0] != plain).any()
    assert (varied[0] != varied[2]).any()


def test_read_noise_begins_anew_with_each_episode(views: list[Observation]) -> None:
    controller = seated("cnn-cim-4b?read_sigma=0.3")
    first = votes_of(controller, views)
    assert (votes_of(controller, views) != first).any()
    controller.reset(0)
    np.testing.assert_array_equal(votes_of(controller, views), first)


# What a decision takes


def test_events_and_latency_reach_the_records() -> None:
    controller = seated()
    assert controller.clock_hz == CLOCK_HZ == 10e6
    episode = run_episode(open_camera(**SHORT), controller, 3)
    assert isinstance(episode.events, CimEvents)
    each = Machine(load(WEIGHTS / "cim-4b.npz")).events
    assert episode.events.cycles == each.cycles * episode.decisions > 0
    assert episode.events.conversions_4b == each.conversions_4b * episode.decisions > 0
    assert 0 < episode.events.row_drives
    assert episode.latency_max_s == each.cycles / 10e6
    records = evaluate("cnn-cim-4b?clock_hz=1e6", episodes=1, seed=3, **SHORT)
    assert records[0].events == episode.events
    assert len(tables_of("cim")) > 1
    for table in tables_of("cim"):
        assert summarize(records, table)["energy_j"] > 0


def test_options_reach_the_machine() -> None:
    machine = seated("cnn-cim-4b?columns=64&columns_per_adc=4&law=proportional&sigma=0.1").machine
    assert machine.silicon == Silicon(columns=64, columns_per_adc=4, clock_hz=CLOCK_HZ)
    assert machine.variation == Variation(law="proportional", sigma=0.1)


# The closed loop


def test_it_finds_its_way_through_a_forest() -> None:
    records = evaluate("cnn-cim-4b", episodes=6, seed=100)
    assert sum(record.success for record in records) >= 5


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from neurobot import evaluate
records = evaluate("cnn-cim-4b?sigma=0.1", episodes=1, jobs=1, time_limit_s=1.0)
print([record.trajectory_sha256 for record in records])
"""


def test_it_runs_without_torch() -> None:
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    here = evaluate("cnn-cim-4b?sigma=0.1", episodes=1, jobs=1, time_limit_s=1.0)
    assert found.stdout.strip() == str([record.trajectory_sha256 for record in here])


# What is refused

REFUSED = {
    "network=cim-5b": "network: unknown 'cim-5b'; known: cim-4b, .*, or a file \\*.npz",
    "network=absent.npz": "absent.npz: no file found",
    "adc_bits=0": "adc_bits = 0 found; allowed: ",
    "adc_bits=17": "adc_bits = 17 found; allowed: ",
    "adc_bits=some": "adc_bits = 'some' found; allowed: ",
    "sigma=-1": "sigma",
    "law=cauchy": "cauchy",
    "draw=-1": "draw = -1 found; allowed: a whole number, 0..",
    "columm=8": "cim: unknown option 'columm'; known: network, adc_bits, draw, law, .*columns",
    "columns=0": "silicon: columns=0 is out of range: 1..",
}


@pytest.mark.parametrize("options", REFUSED)
def test_wrong_options_end_in_a_sentence(options: str) -> None:
    name = f"cnn-cim-4b?{options}"
    with pytest.raises(ValueError, match=REFUSED[options]) as refusal:
        make_controller(name)
    assert str(refusal.value).startswith(f"controller {name!r}: ")
    assert "\n" not in str(refusal.value)


def test_a_network_without_column_layers_is_refused() -> None:
    path = Path(WEIGHTS / "lsq-4b.npz")
    with pytest.raises(ValueError, match="no layer on arrays"):
        make_controller(f"cnn-cim-4b?network={path}")


def test_a_camera_of_another_size_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "camera_rows=20, camera_columns=96 found, 36 and 96 needed"
    assert sentence in fault_of("cnn-cim-4b", camera_rows=20, **SHORT)
    assert main(["evaluate", "cnn-cim-4b?adc_bits=0", "--episodes", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1

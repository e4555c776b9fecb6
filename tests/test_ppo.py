"""Minds that learned by trial and error: what ships, how they decide, how they were taught."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from test_cnn import naive_scores, naive_wheels

from neurobot import evaluate
from neurobot.controllers import PPO_NETWORKS, WEIGHTS, make_controller, named_sensor
from neurobot.controllers.steering import CHOICES, SPIN_LEFT, SPIN_RIGHT
from neurobot.envs.world import ROBOTS
from neurobot.events import MacEvents
from neurobot.loop import attach
from neurobot.qnet import load

SHAPES = {"range": (1, 72, 1), "camera": (36, 96, 1)}
NAMES = [(sensor, name) for sensor, names in PPO_NETWORKS.items() for name in names]
SHORT: dict[str, Any] = {"time_limit_s": 1.0}
MOST_BYTES = 200_000
RL = "pip install 'neurobot[rl]'"


def seen_codes(sensor: str, observation: Any) -> Any:
    """What a network reads: pixels, or 255 less one for each 2 cm to the next thing."""
    if sensor == "camera":
        return observation["camera"]
    nearness = [255 - round(50 * float(metres)) for metres in observation["range"]]
    return np.maximum(nearness, 0).reshape(1, -1, 1)


# What ships


@pytest.mark.parametrize(("sensor", "name"), NAMES)
def test_an_artefact_is_small_and_says_how_it_was_made(sensor: str, name: str) -> None:
    path = WEIGHTS / f"{name}.npz"
    network = load(path)
    assert path.stat().st_size < MOST_BYTES
    assert network.input_shape == SHAPES[sensor]
    assert network.output.shape == (1, 1, CHOICES)
    assert str(network.notes["command"]).startswith(
        f"python scripts/train_ppo.py {sensor} --steps "
    )
    inner = [work.weight_bits for work in network.workloads[1:-1]]
    assert inner == [4 if name.endswith("4b") else 32] * 3
    for conv in network.convs:
        assert len(np.unique(conv.weights)) > min(2**conv.weight_bits, 32) // 2, conv.name


@pytest.mark.parametrize(("sensor", "name"), NAMES)
def test_a_mind_takes_the_choice_that_its_network_scores_highest(sensor: str, name: str) -> None:
    env = gym.make("neurobot/Avoidance-v0", sensor=sensor).unwrapped
    mind, network = make_controller(name), load(WEIGHTS / f"{name}.npz")
    attach(mind, env)
    mind.reset(0)
    last, chosen = 0, set()
    for seed in range(8):
        observation = env.reset(seed=seed)[0]
        for _ in range(6):
            scores = naive_scores(network, seen_codes(sensor, observation))
            # Sums of float32 numbers differ from those of float64 in the last of their 24 bits.
            assert mind.score(observation) == pytest.approx(scores, rel=1e-4, abs=1e-4)
            best = int(scores.argmax())
            last = last if min(best, last) >= SPIN_LEFT else best
            wheels = mind.act(observation)
            np.testing.assert_allclose(wheels, naive_wheels(last, ROBOTS["jackal"]), atol=1e-7)
            chosen.add(last)
            observation = env.step(wheels)[0]
    assert len(chosen) > 2
    assert isinstance(mind.events, MacEvents)
    assert mind.events.cycles > 0
    assert named_sensor(name) == mind.sensor == sensor
    assert mind.layers["input"].shape == SHAPES[sensor][:2]


def test_they_find_their_way_through_a_forest() -> None:
    for name in ("ppo-range-lsq-4b", "ppo-camera-lsq-4b"):
        records = evaluate(name, episodes=6, seed=100)
        assert sum(record.success for record in records) >= 5, name


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["stable_baselines3"] = None
from neurobot import evaluate
records = evaluate(NAMES, episodes=1, jobs=1, time_limit_s=1.0)
print([record.trajectory_sha256 for record in records])
"""


def test_they_run_without_torch_and_stable_baselines() -> None:
    names = [name for _, name in NAMES]
    program = WITHOUT_TORCH.replace("NAMES", repr(names))
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    here = evaluate(names, episodes=1, jobs=1, **SHORT)
    assert found.stdout.strip() == str([record.trajectory_sha256 for record in here])


REFUSED = {
    "ppo-range?network=lsq-4b": "unknown 'lsq-4b'; known: ppo-range, ppo-range-lsq-4b, or a file",
    "ppo-camera?network=ppo-range": "known: ppo-camera, ppo-camera-lsq-4b, or a file",
    "ppo-range?row=8": "cnn: unknown option 'row'; known: network, rows, columns",
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_options_end_in_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match=REFUSED[name]) as refusal:
        make_controller(name)
    assert str(refusal.value).startswith(f"controller {name!r}: ")


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("ppo-range", {"beams": 36}, "beams=36 found, 72 needed"),
        ("ppo-camera", {"camera_rows": 20}, "camera_rows=20, camera_columns=96 found, 36 and 96"),
    ],
)
def test_a_sensor_of_another_size_is_refused(
    name: str, options: dict[str, Any], sentence: str
) -> None:
    mind = make_controller(name)
    env: Any = gym.make("neurobot/Avoidance-v0", sensor=mind.sensor, **options).unwrapped
    attach(mind, env)
    with pytest.raises(ValueError, match=sentence):
        mind.act(env.reset(seed=0)[0])


# How they are taught


@pytest.fixture
def reinforce() -> Any:
    pytest.importorskip("stable_baselines3", reason=RL)
    from neurobot import reinforce

    return reinforce


@pytest.mark.parametrize("sensor", SHAPES)
def test_the_worlds_are_those_of_the_environment(reinforce: Any, sensor: str) -> None:
    from neurobot.reinforce.worlds import FIRST_SEED, Worlds

    # The third of the worlds, as the environment draws and drives it.
    rng = np.random.default_rng([FIRST_SEED, 5, 0, 2])
    difficulty = float(rng.uniform())
    env: Any = gym.make("neurobot/Avoidance-v0", scenario="looming", sensor=sensor).unwrapped
    env.np_random = rng
    observation, _ = env.reset(options={"difficulty": difficulty})
    worlds = Worlds(sensor, 5, rows={"corridor": 1, "looming": 2})
    np.testing.assert_array_equal(worlds.look()[2], seen_codes(sensor, observation)[:, :, 0])
    for choice in (12, 0, SPIN_RIGHT, SPIN_LEFT, SPIN_LEFT, 37, 24):
        taken = SPIN_RIGHT if choice == SPIN_LEFT else choice  # a turn keeps its side
        seen, rewards, done, infos = worlds.step(np.array([12, 12, choice]))
        observation, reward, *_ = env.step(np.array(naive_wheels(taken, ROBOTS["jackal"])))
        np.testing.assert_array_equal(seen[2], seen_codes(sensor, observation)[:, :, 0])
        assert rewards[2] == pytest.approx(0.1 * reward, abs=1e-6)
        assert not done[2]
        assert not infos[2]


def test_an_episode_ends_by_a_collision_or_is_cut(
    reinforce: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neurobot.reinforce import worlds as module

    monkeypatch.setattr(module, "EPISODE_STEPS", 30)
    worlds, ends = module.Worlds("range", 0, rows={"forest": 8}, crash=30.0), []
    for _ in range(60):
        before = worlds.look()
        seen, rewards, done, infos = worlds.step(np.full(8, 12))
        for i in np.flatnonzero(done):
            info, length = infos[i], infos[i]["episode"]["l"]
            cut = info["TimeLimit.truncated"]
            assert cut == (length == 30)
            # What a step gives is 0.2 at most: the wheels' speed, and new ground.
            assert rewards[i] == pytest.approx(0 if cut else -3, abs=0.03)
            assert (info["terminal_observation"] != seen[i]).any()
            assert info["terminal_observation"].shape == before[i].shape
            ends.append(cut)
    assert set(ends) == {True, False}


def lessons(kept: Path, steps: int) -> Any:
    from neurobot.reinforce.training import learn

    return learn("range", steps, 3, kept, rows={"forest": 8}, every=512)


def test_a_training_goes_on_from_its_checkpoint(
    reinforce: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "new" / "range.zip"
    first = lessons(kept, 512)
    assert [line.split(" steps")[0] for line in capsys.readouterr().out.splitlines()] == ["512"]
    again, weights = lessons(kept, 512), first.policy.state_dict()
    assert capsys.readouterr().out == ""
    for name, values in again.policy.state_dict().items():
        np.testing.assert_array_equal(values, weights[name])
    further = lessons(kept, 1536)  # the rate falls to 0 over the last of the rollouts
    assert further.num_timesteps == 1536
    assert any((v != weights[n]).any() for n, v in further.policy.state_dict().items())
    from neurobot.reinforce.training import learn

    with pytest.raises(ValueError, match=r"range.zip: a learner that sees \(1, 72\) found, \(36"):
        learn("camera", 2048, 3, kept, rows={"forest": 8})


def test_an_actor_and_its_integers_say_nearly_the_same(reinforce: Any) -> None:
    import torch

    from neurobot.quantize.export import export, export_float
    from neurobot.quantize.settings import Settings
    from neurobot.reinforce.distilling import agrees, distill, divergence, gather
    from neurobot.reinforce.policy import begin, make_networks

    wanted = torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 1.0]])
    given = torch.tensor([[1.0, 1.0, 4.0], [0.0, 0.0, 2.0]])
    p, q = (
        np.exp(each) / np.exp(each).sum(1, keepdims=True)
        for each in (wanted.numpy(), given.numpy())
    )
    # float32
    assert float(divergence(given, (wanted,))) == pytest.approx(
        (p * np.log(p / q)).sum() / 2, rel=1e-5
    )
    assert agrees(given, (wanted,)).tolist() == [True, False]

    torch.manual_seed(0)
    actor, critic = make_networks(1)
    begin(actor, 3.0)
    assert not any("norm" in name for name, _ in [*actor.named_modules(), *critic.named_modules()])
    seen = gather(actor.eval(), "range", 300, 0)
    assert (seen.shape, seen.dtype) == ((300, 1, 1, 72), torch.uint8)
    assert torch.equal(seen, gather(actor, "range", 300, 0))
    full = export_float(actor, (1, 72, 1))
    low = export(distill(actor, seen, 4, Settings(epochs=3, batch=32, lr=0.02)), (1, 72, 1))
    mine = np.array([naive_scores(full, view[0, :, :, None].numpy()) for view in seen[::9]])
    theirs = np.array([naive_scores(low, view[0, :, :, None].numpy()) for view in seen[::9]])
    theirs = theirs * low.output_scale
    assert np.corrcoef(mine.ravel(), theirs.ravel())[0, 1] > 0.95
    with torch.inference_mode():
        logits = actor(seen[::9].float() / 255).numpy()
    np.testing.assert_allclose(mine, logits, atol=1e-4)


def test_without_stable_baselines_the_extra_is_named() -> None:
    program = "import sys; sys.modules['stable_baselines3'] = None; import neurobot.reinforce"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert found.stderr.strip().endswith(RL)

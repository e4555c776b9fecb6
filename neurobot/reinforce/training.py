"""PPO on our worlds, kept in checkpoints from which the same call goes on."""

from collections import deque
from pathlib import Path
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import safe_mean

from neurobot.bounded import brief, reason
from neurobot.quantize.checkpoints import read_parts, save_checkpoint
from neurobot.reinforce.policy import NetworkPolicy
from neurobot.reinforce.worlds import Worlds

SETTINGS: dict[str, Any] = {
    "n_steps": 64,
    "batch_size": 512,
    "n_epochs": 3,
    "gamma": 0.99,
    "gae_lambda": 0.95,
    "ent_coef": 0.003,
    "vf_coef": 0.5,
    "max_grad_norm": 0.5,
    "stats_window_size": 300,
}
PARTS = ("sees", "parameters", "steps", "updates", "episodes", "successes")
LEARNED = ("policy", "policy.optimizer")
FIRST_LR = 5e-4  # falls to 0 over the training


def falling(left: float) -> float:
    """Return the learning rate while so much of the training, 1..0, is left."""
    return FIRST_LR * left


class Keeper(BaseCallback):  # type: ignore[misc]
    """Writes a checkpoint and a line of the learning curve every so many steps."""

    def __init__(self, kept: Path, every: int) -> None:
        super().__init__()
        self.kept, self.every = kept, every

    def _on_training_start(self) -> None:
        self.due = self.num_timesteps + self.every

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self.due:
            self.due += self.every
            self.keep()

    def keep(self) -> None:
        """Write the checkpoint whole, then tell how it goes."""
        save_learner(self.kept, self.model)
        print(curve_line(self.model), flush=True)

    def _on_step(self) -> bool:
        return True


def curve_line(model: PPO) -> str:
    """Tell how the last episodes went: shares and means."""
    episodes = model.ep_info_buffer
    success, length, reward = (
        safe_mean(values)
        for values in (
            model.ep_success_buffer,
            [e["l"] for e in episodes],
            [e["r"] for e in episodes],
        )
    )
    return (
        f"{model.num_timesteps} steps: success {success:.2f}, length {length:.0f} steps, "
        f"reward {reward:.1f}"
    )


def begin(worlds: Worlds, seed: int) -> PPO:
    """Make a learner that knows nothing yet."""
    return PPO(NetworkPolicy, worlds, learning_rate=falling, seed=seed, device="cpu", **SETTINGS)


def save_learner(kept: Path, model: PPO) -> None:
    """Write what a learner knows; its own files hold code, and reading them would run it."""
    parts = {
        "sees": list(model.observation_space.shape),
        "parameters": model.get_parameters(),
        "steps": model.num_timesteps,
        "updates": model._n_updates,
        "episodes": [[float(each["r"]), float(each["l"])] for each in model.ep_info_buffer],
        "successes": [float(each) for each in model.ep_success_buffer],
    }
    save_checkpoint(kept, parts)


def load_learner(kept: Path, sensor: str, seed: int, **worlds: Any) -> PPO:
    """Return the learner of a checkpoint, in new worlds."""
    parts = read_parts(kept, PARTS)
    steps, updates, known = parts["steps"], parts["updates"], parts["parameters"]
    counts = all(type(count) is int and count >= 0 for count in (steps, updates))
    plain = counts and isinstance(parts["sees"], list) and isinstance(known, dict)
    if not plain or set(known) != set(LEARNED):
        raise ValueError(f"{kept}: a checkpoint of no learner of ours found; choose another place")
    model = begin(Worlds(sensor, seed, part=steps, **worlds), seed)
    if parts["sees"] != list(model.observation_space.shape):
        raise ValueError(
            f"{kept}: a learner that sees {brief(str(tuple(parts['sees'])))} found, "
            f"{model.observation_space.shape} needed"
        )
    try:
        model.set_parameters(known, device="cpu")
        told = [{"r": float(gain), "l": float(length)} for gain, length in parts["episodes"]]
        ends = [float(each) for each in parts["successes"]]
    except Exception as error:  # PyTorch names no one class for what does not fit
        raise ValueError(f"{kept}: what another learner knows: {reason(error)}") from error
    model.num_timesteps, model._n_updates = steps, updates
    model.ep_info_buffer = deque(told, SETTINGS["stats_window_size"])
    model.ep_success_buffer = deque(ends, SETTINGS["stats_window_size"])
    return model


def learn(
    sensor: str, steps: int, seed: int, kept: Path, *, every: int = 100_000, **worlds: Any
) -> PPO:
    """Train for so many steps in all, or go on where the checkpoint ends.

    every: steps between two checkpoints; worlds: rows and crash of `Worlds`. What is learned
    follows from the seed where nothing stopped it.
    """
    torch.set_num_threads(1)
    kept.parent.mkdir(parents=True, exist_ok=True)
    if kept.exists():
        model = load_learner(kept, sensor, seed, **worlds)
    else:
        model = begin(Worlds(sensor, seed, **worlds), seed)
    keeper = Keeper(kept, every)
    if model.num_timesteps < steps:
        model.learn(steps - model.num_timesteps, keeper, reset_num_timesteps=False)
        keeper.keep()
    return model

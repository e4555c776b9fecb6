"""PPO on our worlds, kept in checkpoints from which the same call goes on."""

from pathlib import Path
from typing import Any

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import safe_mean

from neurobot.reinforce.policy import NetworkPolicy
from neurobot.reinforce.worlds import Worlds
from neurobot.writing import whole

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
        with whole(self.kept) as draft, draft.open("wb") as file:
            self.model.save(file)
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


def settle(model: PPO, worlds: Worlds, kept: Path) -> None:
    """Put the learner of a checkpoint into new worlds."""
    if model.observation_space != worlds.observation_space:
        raise ValueError(
            f"{kept}: a learner that sees {model.observation_space.shape} found, "
            f"{worlds.observation_space.shape} needed"
        )
    model.set_env(worlds)


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
        model = PPO.load(kept, device="cpu")
        settle(model, Worlds(sensor, seed, part=model.num_timesteps, **worlds), kept)
    else:
        model = begin(Worlds(sensor, seed, **worlds), seed)
    keeper = Keeper(kept, every)
    if model.num_timesteps < steps:
        model.learn(steps - model.num_timesteps, keeper, reset_num_timesteps=False)
        keeper.keep()
    return model

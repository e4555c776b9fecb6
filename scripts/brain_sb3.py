"""A policy of Stable-Baselines3 as a brain: pip install 'neurobot[brains]'.

Run, it trains a small one first; for another, `neurobot evaluate 'brain_sb3:Brain?file=mine.zip'`.
"""

from typing import Any

import gymnasium as gym
from stable_baselines3 import PPO

from neurobot.cli import main
from neurobot.loop import Observation

FILE = "brain_sb3.zip"


def train(steps: int = 20_000, file: str = FILE) -> None:
    env = gym.make("neurobot/Avoidance-v0", scenario="forest", time_limit_s=20.0)
    PPO("MultiInputPolicy", env, n_steps=min(steps, 1024), seed=0).learn(steps).save(file)


class Brain:
    """Takes the action that its policy finds best; a file of one may run code: your own only."""

    def __init__(self, file: str = FILE) -> None:
        self.policy = PPO.load(file, device="cpu")

    def reset(self, seed: int) -> None:
        """Begin an episode; nothing is left to chance, or remembered."""

    def act(self, observation: Observation) -> Any:
        """Return the commands of the wheels."""
        seen = {key: observation[key] for key in self.policy.observation_space}
        return self.policy.predict(seen, deterministic=True)[0]


if __name__ == "__main__":
    train()
    raise SystemExit(main(["evaluate", "brain_sb3:Brain", "--suite", "v1", "--quick"]))

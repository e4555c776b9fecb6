"""PPO of Stable-Baselines3 learns to roam, and is compared with random wheel commands.

pip install 'neurobot[rl]'
python scripts/train_ppo.py [--steps N] [--seed N]

Training worlds and test worlds have different seeds. Both minds drive the same test worlds.
"""

import argparse
import time
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

try:
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "this script needs Stable-Baselines3: pip install 'neurobot[rl]'"
    ) from missing

import neurobot
from neurobot.controllers.random import RandomController
from neurobot.loop import Observation, attach, run_episode
from neurobot.statistics import wilson

ID = "neurobot/Avoidance-v0"
WORLD: dict[str, Any] = {"scenario": "forest", "beams": 36, "time_limit_s": 30.0, "ground_m2": 10}
EPISODES, UNSEEN = 100, 1_000_000


class Learned:
    """A trained policy as a controller."""

    def __init__(self, model: PPO, normalizer: VecNormalize) -> None:
        self.model, self.normalizer = model, normalizer

    def reset(self, seed: int) -> None:
        """Nothing to remember."""

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Take the policy's mean action."""
        seen = self.normalizer.normalize_obs(observation)
        action: NDArray[np.float32] = self.model.predict(seen, deterministic=True)[0]
        return action


def train(steps: int, seed: int) -> Learned:
    """Train for so many steps in sixteen worlds at once."""
    torch.set_num_threads(1)
    worlds = make_vec_env(ID, n_envs=16, seed=seed, env_kwargs=WORLD)
    normalizer = VecNormalize(worlds, norm_reward=False)
    model = PPO(
        "MultiInputPolicy",
        normalizer,
        n_steps=256,
        batch_size=512,
        n_epochs=6,
        gamma=0.98,
        learning_rate=5e-4,
        seed=seed,
        device="cpu",
    )
    model.learn(steps)
    normalizer.training = False
    return Learned(model, normalizer)


def report(name: str, controller: Any) -> None:
    """Drive the test worlds and print how it went."""
    env = gym.make(ID, **WORLD)
    attach(controller, env)
    episodes = [run_episode(env, controller, UNSEEN + i) for i in range(EPISODES)]
    successes = sum(episode.outcome == "success" for episode in episodes)
    low, high = wilson(successes, EPISODES)
    reward = np.mean([episode.reward for episode in episodes])
    speed = np.mean([episode.path_m / episode.duration_s for episode in episodes])
    print(
        f"{name:8s} success {successes}/{EPISODES} (95 % interval {low:.0%} to {high:.0%}), "
        f"reward {reward:6.1f}, speed {speed:.2f} m/s"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--steps", type=int, default=400_000, help="of training (default: 400000)")
    options.add_argument("--seed", type=int, default=0, help="of training (default: 0)")
    args = options.parse_args()
    print(f"neurobot {neurobot.__version__}, torch {torch.__version__}, seed {args.seed}")
    report("random", RandomController())
    start = time.perf_counter()
    learned = train(args.steps, args.seed)
    print(f"trained for {args.steps} steps in {time.perf_counter() - start:.0f} s")
    report("PPO", learned)


if __name__ == "__main__":
    main()

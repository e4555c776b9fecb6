"""Make the README's picture: three worlds side by side, some seconds into an episode each.

python scripts/picture.py --seed 11 --out docs/world.png
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import neurobot  # noqa: F401  (registers the environments)
from neurobot.envs.avoidance import AvoidanceEnv
from neurobot.loop import Body, Observation

# (scenario, difficulty, seconds driven)
PANELS = (("forest", 0.6, 14.0), ("barn", 0.5, 12.0), ("crossing", 0.6, 10.0))
GAP_PX = 36
REACH_M = 3.0  # farther obstacles do not concern the driver

Pixels: TypeAlias = NDArray[np.uint8]
Wheels: TypeAlias = NDArray[np.float32]
Driver: TypeAlias = Callable[[Body, Observation], Wheels]


def braitenberg(body: Body, seen: Observation) -> Wheels:
    """Slow each wheel by what is near on the other side, and by a goal on its own side."""
    near = np.clip(1.0 - seen["range"] / REACH_M, 0.0, 1.0) * np.maximum(body.beam_cos, 0.0)
    left, right = (near[side].max() for side in (body.beam_sin > 0, body.beam_sin <= 0))
    ahead, aside = seen["goal"]
    turn = 0.15 * np.arctan2(aside, ahead) / np.pi
    return np.array([0.5 - 0.7 * right - turn, 0.5 - 0.65 * left + turn], np.float32)


DRIVERS: dict[str, Driver] = {"braitenberg": braitenberg}


def drive(
    env: gym.Env[Observation, Wheels],
    act: Callable[[Observation], Wheels],
    seconds: float,
    seed: int,
) -> None:
    """Drive through a new world for so long, or until the episode ends."""
    seen, _ = env.reset(seed=seed)
    for _ in range(round(seconds * env.metadata["render_fps"])):
        seen, _, terminated, truncated, _ = env.step(act(seen))
        if terminated or truncated:
            return


def trim(panel: Pixels) -> Pixels:
    """Cut away the empty columns at both sides of a panel."""
    used = np.flatnonzero((panel != panel[0, 0]).any(axis=(0, 2)))
    return panel[:, used[0] : used[-1] + 1]


def take(scenario: str, difficulty: float, seconds: float, driver: Driver, seed: int) -> Pixels:
    """Take a picture of one world, so many seconds after the start."""
    env = gym.make(
        "neurobot/Navigation-v0", scenario=scenario, difficulty=difficulty, render_mode="rgb_array"
    )
    assert isinstance(env.unwrapped, AvoidanceEnv)
    drive(env, partial(driver, env.unwrapped.body), seconds, seed)
    panel = trim(np.asarray(env.render()))
    env.close()
    return panel


def side_by_side(panels: Sequence[Pixels]) -> Pixels:
    """Join panels, with gaps of their background between and around them."""
    gap = np.broadcast_to(panels[0][0, 0], (len(panels[0]), GAP_PX, 3))
    return np.concatenate([gap, *(part for panel in panels for part in (panel, gap))], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--controller", choices=DRIVERS, default="braitenberg")
    parser.add_argument("--out", type=Path, default=Path("docs/world.png"))
    options = parser.parse_args()
    driver = DRIVERS[options.controller]
    picture = side_by_side([take(*panel, driver, options.seed) for panel in PANELS])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(options.out, optimize=True)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

"""Make the README's picture: three worlds side by side, some seconds into an episode each.

python scripts/picture.py [--controller NAME] [--seed N] [--out FILE]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import neurobot  # noqa: F401  (registers the environments)
from neurobot.controllers import CONTROLLERS, make_controller, named_sensor
from neurobot.loop import attach

# (scenario, difficulty, seconds driven)
PANELS = (("forest", 0.6, 6.0), ("barn", 0.5, 4.5), ("crossing", 0.6, 6.0))
GAP_PX = 36

Pixels: TypeAlias = NDArray[np.uint8]


def drive(env: Any, controller: Any, seconds: float, seed: int) -> None:
    """Drive through a new world for so long, or until the episode ends."""
    attach(controller, env)
    controller.reset(seed)
    seen, _ = env.reset(seed=seed)
    for _ in range(round(seconds * env.metadata["render_fps"])):
        seen, _, terminated, truncated, _ = env.step(controller.act(seen))
        if terminated or truncated:
            return


def trim(panel: Pixels) -> Pixels:
    """Cut away the empty columns at both sides of a panel."""
    used = np.flatnonzero((panel != panel[0, 0]).any(axis=(0, 2)))
    return panel[:, used[0] : used[-1] + 1]


def take(scenario: str, difficulty: float, seconds: float, name: str, seed: int) -> Pixels:
    """Take a picture of one world, so many seconds after the start."""
    env = gym.make(
        "neurobot/Navigation-v0",
        scenario=scenario,
        difficulty=difficulty,
        sensor=named_sensor(name) or "range",
        render_mode="rgb_array",
    )
    drive(env, make_controller(name), seconds, seed)
    panel = trim(np.asarray(env.render()))
    env.close()
    return panel


def side_by_side(panels: Sequence[Pixels]) -> Pixels:
    """Join panels, with gaps of their background between and around them."""
    gap = np.broadcast_to(panels[0][0, 0], (len(panels[0]), GAP_PX, 3))
    return np.concatenate([gap, *(part for panel in panels for part in (panel, gap))], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--controller", choices=CONTROLLERS, default="poppins")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, default=Path("docs/world.png"))
    options = parser.parse_args()
    picture = side_by_side([take(*panel, options.controller, options.seed) for panel in PANELS])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(options.out, optimize=True)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

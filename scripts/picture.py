"""Make the README's pictures: three worlds side by side, and a film of the demo.

python scripts/picture.py [--controller NAME] [--seed N] [--folder DIR]
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
from neurobot.controllers import CONTROLLERS, make_controller
from neurobot.cost import COST_TABLES, DEFAULT_COST_TABLE
from neurobot.demo.player import Options, Player
from neurobot.demo.session import Session
from neurobot.episodes import ENVS, Job, options_for
from neurobot.loop import attach

# (scenario, difficulty, seconds driven)
PANELS = (("forest", 0.6, 6.0), ("barn", 0.5, 4.5), ("crossing", 0.6, 6.0))
GAP_PX = 36

FILM_SCENARIO, FILM_SECONDS, FILM_FPS, FILM_SIZE = "barn", 11.0, 12.5, (960, 540)
FILM_SEED = 0
COLOURS = 64
SAMPLES = 4  # pictures from which the film's colours are chosen

Pixels: TypeAlias = NDArray[np.uint8]


def make_env(scenario: str, difficulty: float, controller: str) -> Any:
    """Build a world to be drawn, with the sensor that a controller needs."""
    options = dict(options_for(controller, {"difficulty": difficulty}))
    return gym.make(ENVS[1], scenario=scenario, render_mode="rgb_array", **options)


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
    env = make_env(scenario, difficulty, name)
    drive(env, make_controller(name), seconds, seed)
    panel = trim(np.asarray(env.render()))
    env.close()
    return panel


def side_by_side(panels: Sequence[Pixels]) -> Image.Image:
    """Join panels, with gaps of their background between and around them."""
    gap = np.broadcast_to(panels[0][0, 0], (len(panels[0]), GAP_PX, 3))
    parts = [gap, *(part for panel in panels for part in (panel, gap))]
    return Image.fromarray(np.concatenate(parts, axis=1))


def film(name: str) -> list[Image.Image]:
    """Film the demo from the start of an episode, in few colours."""
    job = Job(name, ENVS[1], FILM_SCENARIO, 0, FILM_SEED, options=options_for(name, {}))
    session = Session(job, COST_TABLES[DEFAULT_COST_TABLE])
    player = Player(session, FILM_SIZE, Options(goes_on=False))
    pictures = []
    for _ in range(round(FILM_SECONDS * FILM_FPS)):
        player.advance(1 / FILM_FPS)
        player.paint()
        pictures.append(player.pixels())
    samples = np.concatenate(pictures[:: len(pictures) // SAMPLES])
    palette = Image.fromarray(samples).quantize(COLOURS)
    return [
        Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
        for picture in pictures
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--controller", choices=CONTROLLERS, default="poppins")
    parser.add_argument("--seed", type=int, default=11, help="of the three worlds")
    parser.add_argument("--folder", type=Path, default=Path("docs"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    panels = [take(*panel, options.controller, options.seed) for panel in PANELS]
    side_by_side(panels).save(options.folder / "world.png", optimize=True)
    first, *others = film(options.controller)
    first.save(
        options.folder / "demo.gif",
        save_all=True,
        append_images=others,
        duration=round(1000 / FILM_FPS),
        loop=0,
    )
    for name in ("world.png", "demo.gif"):
        print(f"{options.folder / name}: {(options.folder / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

"""Train the network that steers by camera for MARS, and write it: `controllers/weights/mars.npz`.

The network of `scripts/train_brains.py` and its lessons, taken from --out where they are there
already. It learns in full precision; then a group lasso draws tiles of its fused weights to zero,
and half of them go; then it is trained on as integers. Everything is kept in --out; the same
command goes on from there.
"""

import argparse
from pathlib import Path
from typing import Any

from torch import nn
from train_brains import CALIBRATION, EVERY, FULL, ROUNDS

from neurobot import __version__
from neurobot.imitate.school import Pupil, learn, school
from neurobot.imitate.student import Exercises, as_input
from neurobot.qnet import save
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.compare import compare
from neurobot.quantize.convert import convert
from neurobot.quantize.export import export
from neurobot.quantize.fusing import fuse
from neurobot.quantize.methods import make_method
from neurobot.quantize.networks.steering import COLUMNS, ROWS, steering_net
from neurobot.quantize.settings import Settings
from neurobot.quantize.tiles import Thinning, default_tile, draw_to_zero, mask_tiles

THIN: dict[str, Any] = {"epochs": 6, "lr": 0.02}
TUNED: dict[str, Any] = {"epochs": 8, "lr": 0.02}
BITS = 4
THINNING = Thinning(zero_tiles=0.5, tile=default_tile(BITS), strength=1e-5)


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = options.add_argument
    add("--out", type=Path, default=Path("runs/brains"), help="lessons and checkpoints")
    add("--weights", type=Path, default=Path("controllers/weights"), help="the artefact")
    add("--seed", type=int, default=0)
    return options.parse_args()


def compress(model: nn.Module, exercises: Exercises, out: Path, seed: int) -> nn.Module:
    """Thin a trained network out, and make it integer."""
    pictures = exercises.lessons.pictures
    example = as_input(pictures[:: len(pictures) // CALIBRATION])
    fused = fuse(model, example)
    draw_to_zero(fused, THINNING)
    learn(fused, exercises, out / "mars-thin.pt", Settings(seed=seed, **THIN))
    mask_tiles(fused, THINNING)
    quantized = convert(fused, make_method("lsq", symmetric_weights=True), BITS, example)
    learn(quantized, exercises, out / "mars.pt", Settings(seed=seed, **TUNED))
    return quantized


def main() -> None:
    args = arguments()
    out = args.out / f"seed-{args.seed}"
    model, lessons = school(Pupil(steering_net), out, ROUNDS, Settings(seed=args.seed, **FULL))
    made = compress(model, Exercises(lessons), out, args.seed)
    network = export(made, (ROWS, COLUMNS, 1))
    command = f"python scripts/train_mars.py --seed {args.seed}"
    notes = {"command": command, "neurobot": __version__, **versions()}
    save(network.with_notes(notes), args.weights / "mars.npz")
    print(f"mars: {compare(made, network, lessons.pictures[::EVERY, :, :, None])}")


if __name__ == "__main__":
    main()

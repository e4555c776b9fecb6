"""Train the networks that steer by camera through coarse converters: `controllers/weights/cim-*`.

The network of `scripts/train_brains.py` and its lessons, taken from --out where they are there
already. Its inner layers go onto arrays of 128 rows, weights of 4 bits in cells of 2, with a step
for each column of weights and for each converter; it is trained on through converters of so many
bits. Positive and negative parts of weights have columns of their own. Everything is kept in --out;
the same command goes on from there.
"""

import argparse
from pathlib import Path
from typing import Any

from train_brains import CALIBRATION, EVERY, FULL, ROUNDS

from neurobot import __version__
from neurobot.controllers import CIM_NETWORKS
from neurobot.imitate.school import Pupil, learn, school
from neurobot.imitate.student import Exercises, as_input
from neurobot.qnet import save
from neurobot.quantize import convert, make_method
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.column import Columns
from neurobot.quantize.compare import compare
from neurobot.quantize.export import export
from neurobot.quantize.networks.steering import COLUMNS, ROWS, steering_net
from neurobot.quantize.settings import Settings

BITS = 4  # of weights and inputs
TUNED: dict[str, Any] = {"epochs": 6, "lr": 0.02}


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = options.add_argument
    add("names", nargs="*", metavar="NAME", help=f"{', '.join(CIM_NETWORKS)} (default: all)")
    add("--out", type=Path, default=Path("runs/brains"), help="lessons and checkpoints")
    add("--weights", type=Path, default=Path("controllers/weights"), help="the artefacts")
    add("--seed", type=int, default=0)
    args = options.parse_args()
    if unknown := [name for name in args.names if name not in CIM_NETWORKS]:
        options.error(f"unknown {unknown[0]!r}; known: {', '.join(CIM_NETWORKS)}")
    return args


def main() -> None:
    args = arguments()
    out = args.out / f"seed-{args.seed}"
    model, lessons = school(Pupil(steering_net), out, ROUNDS, Settings(seed=args.seed, **FULL))
    pictures = lessons.pictures
    example = as_input(pictures[:: len(pictures) // CALIBRATION])
    for name in args.names or CIM_NETWORKS:
        columns = Columns(adc_bits=CIM_NETWORKS[name])
        made = convert(model, make_method("lsq"), BITS, example, columns=columns)
        learn(made, Exercises(lessons), out / f"{name}.pt", Settings(seed=args.seed, **TUNED))
        network = export(made, (ROWS, COLUMNS, 1))
        command = f"python scripts/train_cim.py {name} --seed {args.seed}"
        notes = {"command": command, "neurobot": __version__, **versions()}
        save(network.with_notes(notes), args.weights / f"{name}.npz")
        print(f"{name}: {compare(made, network, pictures[::EVERY, :, :, None])}", flush=True)


if __name__ == "__main__":
    main()

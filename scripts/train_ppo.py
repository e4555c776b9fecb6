"""Train minds by trial and error: PPO of Stable-Baselines3, by range and by camera.

pip install 'neurobot[rl]'
python scripts/train_ppo.py [SENSOR ...] [--steps N] [--seed N]

First with the environment's own reward, then while collisions cost three times as much. An actor is
a network whose scores of choices our chips can run: it is written as an artefact,
`controllers/weights/ppo-*`, in full precision and, trained on to say the same, in 4 bits.
Everything is kept in --out; the same command goes on from there. The artefacts that ship were made
in four goes, each with more steps to come than the one before knew of, so the learning rate fell
four times; the command from the start makes others. What came of it is measured by
`neurobot evaluate ppo-range ppo-camera --episodes 200`.
"""

import argparse
from pathlib import Path

from torch import Tensor, nn

from neurobot import __version__
from neurobot.controllers import PPO_NETWORKS
from neurobot.qnet import Network, save
from neurobot.quantize import Columns
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.compare import compare
from neurobot.quantize.export import export, export_float
from neurobot.quantize.settings import Settings
from neurobot.reinforce import SB3_VERSION
from neurobot.reinforce.distilling import distill, gather
from neurobot.reinforce.training import learn

STEPS = {"range": 4_000_000, "camera": 2_000_000}  # with the environment's own reward
CAREFUL = {"range": 4_000_000, "camera": 1_600_000}  # more, while a collision costs CRASH
CRASH = 30.0  # the environment's own: 10
LESSONS = 40_000  # looks at which the quantized form learns
EPOCHS, LR, WARMUP = 6, 0.002, 0.1  # of that
BITS = 4
EVERY = 20  # of all looks, one in so many is compared


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = options.add_argument
    add("sensors", nargs="*", metavar="SENSOR", help="range, camera (default: both)")
    add("--steps", type=int, help=f"of training (default: {STEPS})")
    add("--careful", type=int, help=f"more, collisions costing {CRASH:g} (default: {CAREFUL})")
    add("--lessons", type=int, default=LESSONS, help=f"of the 4-bit form (default: {LESSONS})")
    add("--adc-bits", type=int, help="of the camera's form on arrays, written into --out")
    add("--out", type=Path, default=Path("runs/ppo"), help="checkpoints")
    add("--weights", type=Path, default=Path("controllers/weights"), help="the artefacts")
    add("--seed", type=int, default=0)
    args = options.parse_args()
    if unknown := [sensor for sensor in args.sensors if sensor not in STEPS]:
        options.error(f"unknown {unknown[0]!r}; known: {', '.join(STEPS)}")
    return args


def keep(network: Network, path: Path, command: str) -> None:
    """Write an artefact that says how it was made."""
    made_with = {"neurobot": __version__, **versions(), "stable_baselines3": SB3_VERSION}
    path.parent.mkdir(parents=True, exist_ok=True)
    save(network.with_notes({"command": command, **made_with}), path)


def teach(sensor: str, args: argparse.Namespace) -> nn.Module:
    """Train an actor, or go on where its checkpoint ends."""
    kept = args.out / f"{sensor}.zip"
    learn(sensor, args.steps, args.seed, kept)
    model = learn(sensor, args.steps + args.careful, args.seed, kept, crash=CRASH)
    actor: nn.Module = model.policy.actor.eval()
    return actor


def quantize(
    actor: nn.Module, seen: Tensor, kept: Path, seed: int, columns: Columns | None = None
) -> Network:
    """Train the 4-bit form of an actor, and return its integers."""
    settings = Settings(seed=seed, epochs=EPOCHS, lr=LR, warmup=WARMUP)
    model = distill(actor, seen, BITS, settings, columns=columns, kept=kept)
    network = export(model, (*seen.shape[2:], 1))
    print(compare(model, network, seen[::EVERY].permute(0, 2, 3, 1).numpy()), flush=True)
    return network


def make(sensor: str, args: argparse.Namespace) -> None:
    """Train the mind of a sensor, and write all its forms."""
    words = f"{sensor} --steps {args.steps} --careful {args.careful} --seed {args.seed}"
    command, steps = f"python scripts/train_ppo.py {words}", args.steps + args.careful
    actor = teach(sensor, args)
    seen = gather(actor, sensor, args.lessons, args.seed)
    full, low = PPO_NETWORKS[sensor]
    keep(export_float(actor, (*seen.shape[2:], 1)), args.weights / f"{full}.npz", command)
    network = quantize(actor, seen, args.out / f"{low}-{steps}.pt", args.seed)
    keep(network, args.weights / f"{low}.npz", command)
    if sensor == "camera" and args.adc_bits:
        name, columns = f"{full}-cim-4b", Columns(adc_bits=args.adc_bits)
        network = quantize(actor, seen, args.out / f"{name}-{steps}.pt", args.seed, columns)
        keep(network, args.out / f"{name}.npz", command)


def main() -> None:
    args = arguments()
    args.out /= f"seed-{args.seed}"
    for sensor in args.sensors or STEPS:
        steps = STEPS[sensor] if args.steps is None else args.steps
        careful = CAREFUL[sensor] if args.careful is None else args.careful
        make(sensor, argparse.Namespace(**{**vars(args), "steps": steps, "careful": careful}))


if __name__ == "__main__":
    main()

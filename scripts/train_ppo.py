"""Train minds by trial and error: PPO of Stable-Baselines3, by range and by camera.

pip install 'neurobot[rl]'
python scripts/train_ppo.py [SENSOR ...] [--steps N] [--seed N]

An actor is a network whose scores of choices our chips can run: it is written as an artefact,
`controllers/weights/ppo-*`, in full precision and, trained on to say the same, in 4 bits.
Everything is kept in --out; the same command goes on from there. What came of it is measured by
`neurobot evaluate ppo-range ppo-camera --episodes 200`.
"""

import argparse
from pathlib import Path

from torch import nn

from neurobot import __version__
from neurobot.controllers import PPO_NETWORKS
from neurobot.qnet import Network, save
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.compare import compare
from neurobot.quantize.export import export, export_float
from neurobot.quantize.settings import Settings
from neurobot.reinforce import SB3_VERSION
from neurobot.reinforce.distilling import distill, gather
from neurobot.reinforce.training import learn

STEPS = {"range": 4_000_000, "camera": 2_000_000}
LESSONS = 40_000  # looks at which the quantized form learns
TUNED = {"epochs": 6, "lr": 0.02}
BITS = 4
EVERY = 20  # of all looks, one in so many is compared


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = options.add_argument
    add("sensors", nargs="*", metavar="SENSOR", help="range, camera (default: both)")
    add("--steps", type=int, help=f"of training in all (default: {STEPS})")
    add("--lessons", type=int, default=LESSONS, help=f"of the 4-bit form (default: {LESSONS})")
    add("--out", type=Path, default=Path("runs/ppo"), help="checkpoints")
    add("--weights", type=Path, default=Path("controllers/weights"), help="the artefacts")
    add("--seed", type=int, default=0)
    args = options.parse_args()
    if unknown := [sensor for sensor in args.sensors if sensor not in STEPS]:
        options.error(f"unknown {unknown[0]!r}; known: {', '.join(STEPS)}")
    return args


def keep(network: Network, name: str, command: str, args: argparse.Namespace) -> None:
    """Write an artefact that says how it was made."""
    made_with = {"neurobot": __version__, **versions(), "stable_baselines3": SB3_VERSION}
    args.weights.mkdir(parents=True, exist_ok=True)
    save(network.with_notes({"command": command, **made_with}), args.weights / f"{name}.npz")


def quantize(actor: nn.Module, sensor: str, kept: Path, args: argparse.Namespace) -> Network:
    """Train the 4-bit form of an actor, and return its integers."""
    seen = gather(actor, sensor, args.lessons, args.seed)
    settings = Settings(seed=args.seed, epochs=int(TUNED["epochs"]), lr=TUNED["lr"])
    model = distill(actor, seen, BITS, settings, kept)
    network = export(model, (*seen.shape[2:], 1))
    print(compare(model, network, seen[::EVERY].permute(0, 2, 3, 1).numpy()), flush=True)
    return network


def main() -> None:
    args = arguments()
    for sensor in args.sensors or STEPS:
        steps, out = args.steps or STEPS[sensor], args.out / f"seed-{args.seed}"
        model = learn(sensor, steps, args.seed, out / f"{sensor}.zip")
        actor = model.policy.actor.eval()
        full, low = PPO_NETWORKS[sensor]
        command = f"python scripts/train_ppo.py {sensor} --steps {steps} --seed {args.seed}"
        keep(export_float(actor, (*model.observation_space.shape, 1)), full, command, args)
        kept = out / f"{low}-{model.num_timesteps}.pt"
        keep(quantize(actor, sensor, kept, args), low, command, args)


if __name__ == "__main__":
    main()

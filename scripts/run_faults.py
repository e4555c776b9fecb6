"""Run the campaigns of docs/faults.md: what goes wrong where, in a folder for each of them.

Resumable: the same command goes on where it ended. `table_faults.py` makes tables and pictures of
the folders, and `neurobot verify FOLDER` replays one of them.

python scripts/run_faults.py results/faults [weights single ...] [--episodes N] [--jobs N]
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurobot.campaign.runs import run_campaign
from neurobot.faults.spec import Faults

FLOATS = ("cnn-fp32",)  # of which single bits can do more harm
BRAINS = ("poppins", "cnn-lsq-4b", "cnn-fp32", "cnn-mars", "cnn-cim-4b", "tdnn-insight")
INTEGERS = tuple(name for name in BRAINS if name not in FLOATS)
READ = ("poppins", "cnn-lsq-4b", "tdnn-insight")  # not summed where they lie
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
FLOAT_RATES = (1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5)
GUARDED_FLOAT_RATES = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
REGISTER_RATES = (1e-6, 1e-5, 1e-4, 1e-3)
SLOW_RATES, FAST_RATES = (1e-2, 1e-1, 1.0, 1e1), (1.0, 1e1, 1e2, 1e3)  # of long decisions, short
STATES = {
    "membrane": (("poppins",), SLOW_RATES),
    "current": (("poppins",), SLOW_RATES[:-1]),
    "accumulators": (("cnn-lsq-4b", "cnn-fp32", "cnn-mars", "cnn-cim-4b"), FAST_RATES[:-1]),
    "lines": (("tdnn-insight",), FAST_RATES),
}
SHARES = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1)
DRIVERS = (*BRAINS, "vfh")
FLIPS = Faults()
PARITY, ECC, TMR = (Faults(protection=name) for name in ("parity", "ecc", "tmr"))


@dataclass(frozen=True)
class Part:
    """Brains that meet the same faults, at so many levels."""

    brains: Sequence[str]
    amount: str
    levels: Sequence[float]
    faults: Faults = FLIPS

    def kinds(self) -> list[Faults]:
        """Return the faults of each level."""
        amounts: list[dict[str, Any]] = [{self.amount: level} for level in self.levels]
        return [replace(self.faults, **each) for each in amounts]


# Name -> episodes of each level, and parts.
CAMPAIGNS: dict[str, tuple[int, list[Part]]] = {
    "weights": (30, [Part(INTEGERS, "rate", RATES), Part(FLOATS, "rate", FLOAT_RATES)]),
    "single": (60, [Part(BRAINS, "count", (1,))]),
    "protected": (
        8,
        [
            *(Part(READ, "rate", RATES, guard) for guard in (PARITY, ECC)),
            Part(INTEGERS, "rate", RATES, TMR),
            *(Part(FLOATS, "rate", GUARDED_FLOAT_RATES, guard) for guard in (PARITY, ECC, TMR)),
        ],
    ),
    "varied": (
        10,
        [Part(("cnn-cim-4b",), "share", (0.05, 0.1, 0.2, 0.4, 0.8), Faults(kind="vary"))],
    ),
    "configuration": (
        8,
        [
            Part(BRAINS, "rate", REGISTER_RATES, Faults(memory="configuration")),
            Part(("cnn-cim-4b",), "rate", RATES[:-1], Faults(memory="digital weights")),
            Part(("cnn-mars",), "rate", RATES[:-1], Faults(memory="index")),
        ],
    ),
    "state": (
        4,
        [
            Part(brains, "rate", rates, Faults(memory=name))
            for name, (brains, rates) in STATES.items()
        ],
    ),
    "around": (
        8,
        [
            Part(DRIVERS, "share", (0.05, 0.1, 0.2, 0.4), Faults(memory="sensor", kind="dead")),
            Part(DRIVERS, "share", (0.05, 0.1, 0.2, 0.4), Faults(memory="sensor", kind="stuck")),
            Part(DRIVERS, "rate", (0.1, 0.3, 1.0, 3.0), Faults(memory="latency", kind="spike")),
            Part(BRAINS, "rate", (0.1, 0.3, 1.0, 3.0), Faults(memory="clock", kind="brownout")),
        ],
    ),
    "stuck": (6, [Part(BRAINS, "share", SHARES, Faults(kind=k)) for k in ("stuck0", "stuck1")]),
    "bursts": (6, [Part(INTEGERS, "rate", RATES[:-2], Faults(burst=8))]),
}


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("folder", type=Path, metavar="DIR", help="each campaign has a folder in it")
    add("campaigns", nargs="*", metavar="NAME", help=f"{', '.join(CAMPAIGNS)} (default: all)")
    add("--episodes", type=int, metavar="N", help="of each level (default: each campaign's own)")
    add("--jobs", type=int, default=1, metavar="N", help="processes (default: %(default)s)")
    args = options.parse_intermixed_args()
    unknown = [name for name in args.campaigns if name not in CAMPAIGNS]
    if unknown:
        options.error(f"unknown {unknown[0]!r}; known: {', '.join(CAMPAIGNS)}")
    return args


def run(name: str, args: argparse.Namespace) -> None:
    """Run one campaign, and say how long it took and what was injected."""
    episodes, parts = CAMPAIGNS[name]
    runs: dict[Any, Any] = {}
    began = time.perf_counter()
    for part in parts:
        runs |= run_campaign(
            part.brains,
            part.kinds(),
            episodes=args.episodes or episodes,
            jobs=args.jobs,
            out=args.folder / name,
        )
    injected = sum(record.upsets.injected for record in runs.values() if record.upsets)
    faulty = sum(record.fault is not None for record in runs.values())
    print(
        f"{name}: {len(runs):,} episodes, {injected:,} injected faults, {faulty} ended by a "
        f"brain's fault, {time.perf_counter() - began:.0f} s",
        flush=True,
    )


def main() -> None:
    args = arguments()
    for name in args.campaigns or CAMPAIGNS:
        run(name, args)


if __name__ == "__main__":
    main()

"""When does the brain become too slow to survive? Success against the chip's clock.

python scripts/sweep_clock.py [--controller NAME] [--scenario NAME] [--episodes N] [--late POLICY]

The same worlds at every clock; at the top the decisions take no time at all.
"""

import argparse
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import neurobot
from neurobot import evaluate
from neurobot.compiled import cores
from neurobot.metrics import Row, summarize

CLOCKS_HZ = (10e6, 3e6, 1e6, 500e3, 300e3, 200e3, 100e3, 50e3, 30e3, 10e3)
BAR = 24


def measure(args: argparse.Namespace, clock_hz: float | None) -> Row:
    """Evaluate at one clock; None: instantly."""
    records = evaluate(
        args.controller,
        env=args.env,
        scenario=args.scenario,
        episodes=args.episodes,
        seed=args.seed,
        jobs=args.jobs,
        clock_hz=clock_hz,
        late=args.late,
        instant=clock_hz is None,
    )
    return summarize(records, "paper")


def show(clocks_hz: Sequence[float | None], rows: Sequence[Row]) -> Table:
    """Lay the curve out, with a bar for the success rate."""
    table = Table("clock", "latency", "late", "success", "", "speed", box=SIMPLE_HEAD, padding=0)
    for clock_hz, row in zip(clocks_hz, rows, strict=True):
        table.add_row(
            "instant" if clock_hz is None else f"{clock_hz / 1e3:,.0f} kHz",
            f"{1e3 * row['latency_s']:.1f} ms",
            f"{row['late_decisions'] / row['decisions']:.0%}",
            f"{row['success_rate']:.0%}",
            "#" * round(BAR * row["success_rate"]),
            f"{row['mean_speed_mps']:.2f} m/s",
        )
    return table


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--controller", default="poppins")
    options.add_argument("--env", default="neurobot/Avoidance-v0")
    options.add_argument("--scenario", default="forest")
    options.add_argument("--episodes", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--late", default="hold", help="hold, coast or brake")
    options.add_argument("--jobs", type=int, default=cores())
    args = options.parse_args()
    clocks_hz = (None, *CLOCKS_HZ)
    rows = [measure(args, clock_hz) for clock_hz in clocks_hz]
    console = Console(highlight=False)
    console.print(
        f"neurobot {neurobot.__version__}: {args.controller}, {args.env}, {args.scenario}, "
        f"{args.episodes} episodes from seed {args.seed}, late: {args.late}; latency is modelled"
    )
    console.print(show(clocks_hz, rows))


if __name__ == "__main__":
    main()

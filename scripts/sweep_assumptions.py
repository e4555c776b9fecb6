"""Sweep what is not known about the chip, to see whether the ranking of controllers survives.

python scripts/sweep_assumptions.py [--episodes N] [--seed N] [--out DIR]

One assumption of the chip is changed at a time; every setting drives the same worlds as the other
controllers, which do not depend on it. Episodes are kept in DIR, so that an interrupted sweep goes
on; DIR gets sweep.json and sweep.png. Needs the extra `plot`.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import neurobot
from neurobot import evaluate
from neurobot.cli.terminal import progress_bar
from neurobot.compiled import cores
from neurobot.metrics import Row, tabulate

SCENARIOS = ("forest", "corridor", "looming")
RIVALS = ("random", "braitenberg", "vfh")
COLOURS = ("#0072B2", "#D55E00", "#009E73")
# Assumption -> settings; a setting names what differs from `neurobot.poppins.Chip`'s defaults.
ASSUMPTIONS: dict[str, dict[str, str]] = {
    "weight bits": {
        "8": "",
        **{str(8 - s): f"weight_bits={8 - s}&weight_shift={s}" for s in range(1, 7)},
    },
    "current stops at": {
        "16 bits": "",
        **{f"{bits} bits": f"current_bits={bits}" for bits in (12, 11, 10, 9, 8, 7)},
    },
    "current wraps at": {
        f"{bits} bits": f"current_bits={bits}&wraps=true" for bits in (16, 12, 11, 10, 9, 8)
    },
    "decay rounds": {"down": "", "to zero": "rounds_to_zero=true"},
    "clock, kHz": {
        "10000": "",
        **{str(khz): f"clock_hz={khz}e3" for khz in (3000, 1000, 500, 400, 300)},
    },
    "cycles per read": {"1": "", "2": "cycles_per_read=2", "4": "cycles_per_read=4"},
}


def place(row: Row, rivals: Sequence[Row]) -> int:
    """Return 1 and as many more as rivals are better beyond both 95 % Wilson intervals."""
    return 1 + sum(bool(rival["success_low"] > row["success_high"]) for rival in rivals)


def name_controller(options: str) -> str:
    """Name the chip's controller with such options."""
    return f"poppins?{options}" if options else "poppins"


def measure(args: argparse.Namespace) -> dict[tuple[str, str], Row]:
    """Evaluate every controller in every scenario; rows by both."""
    settings = [options for group in ASSUMPTIONS.values() for options in group.values()]
    names = [*RIVALS, *dict.fromkeys(name_controller(options) for options in settings)]
    with progress_bar("episodes", wanted=True) as progress:
        records = evaluate(
            names,
            scenario=SCENARIOS,
            episodes=args.episodes,
            seed=args.seed,
            jobs=args.jobs,
            out=args.out,
            progress=progress,
        )
    return {(row["controller"], row["scenario"]): row for row in tabulate(records, "paper")}


def sweep(args: argparse.Namespace) -> list[Row]:
    """Measure every setting of every assumption in every scenario."""
    measured = measure(args)
    rows = []
    for assumption, settings in ASSUMPTIONS.items():
        for setting, options in settings.items():
            for scenario in SCENARIOS:
                rivals = [measured[rival, scenario] for rival in RIVALS]
                row = measured[name_controller(options), scenario]
                more = {
                    "assumption": assumption,
                    "setting": setting,
                    "place": place(row, rivals),
                    "best_rival": max(rival["success_rate"] for rival in rivals),
                }
                rows.append({**row, **more})
    return rows


def show(rows: Sequence[Row]) -> Table:
    """Lay the sweep out: success and place in each scenario."""
    table = Table("assumption", "setting", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for scenario in SCENARIOS:
        table.add_column(f"{scenario}\n%   m/s  place")
    for assumption, settings in ASSUMPTIONS.items():
        for setting in settings:
            mine = [r for r in rows if (r["assumption"], r["setting"]) == (assumption, setting)]
            cells = [
                f"{100 * r['success_rate']:3.0f}  {r['mean_speed_mps']:.2f}  #{r['place']}"
                for r in mine
            ]
            table.add_row(assumption, setting, *cells)
    return table


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw success against each assumption; dotted: the best of the other controllers."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    for axes, (assumption, settings) in zip(
        figure.subplots(2, 3, sharey=True).flat, ASSUMPTIONS.items(), strict=True
    ):
        for scenario, colour in zip(SCENARIOS, COLOURS, strict=True):
            mine = [r for r in rows if r["assumption"] == assumption and r["scenario"] == scenario]
            rates = [100 * r["success_rate"] for r in mine]
            errors = [
                [100 * (r["success_rate"] - r["success_low"]) for r in mine],
                [100 * (r["success_high"] - r["success_rate"]) for r in mine],
            ]
            axes.errorbar(
                list(settings), rates, errors, color=colour, label=scenario, marker="o", capsize=3
            )
            axes.axhline(100 * mine[0]["best_rival"], color=colour, linestyle=":", linewidth=1)
        axes.set_xlabel(assumption)
        axes.tick_params(axis="x", labelsize=8)
        axes.set_ylim(-3, 103)
    figure.supylabel("success, %", fontsize=10)
    figure.axes[0].legend(loc="lower left", fontsize=8)
    figure.suptitle(
        "poppins, one assumption of the chip changed at a time (dotted: best other controller)"
    )
    figure.savefig(path, dpi=130)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--episodes", type=int, default=60, help="per scenario")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--jobs", type=int, default=cores())
    options.add_argument("--out", type=Path, default=Path("sweep"))
    args = options.parse_args()
    rows = sweep(args)
    provenance = {"command": "sweep_assumptions", "version": neurobot.__version__}
    document = {**provenance, "seed": args.seed, "episodes": args.episodes, "rows": rows}
    (args.out / "sweep.json").write_text(json.dumps(document, indent=1) + "\n")
    draw(rows, args.out / "sweep.png")
    console = Console(highlight=False)
    console.print(
        f"neurobot {neurobot.__version__}: poppins, Avoidance, {args.episodes} episodes from seed "
        f"{args.seed}; #: place among {len(RIVALS) + 1} controllers by success, beaten only "
        "beyond 95 % intervals; latency is modelled"
    )
    console.print(show(rows))
    print(f"Written to {args.out}: sweep.json, sweep.png")


if __name__ == "__main__":
    main()

"""`neurobot chip mac`: what each layer of a network takes on the digital processor."""

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurobot.cli.pricing import Row, energies, idle_powers
from neurobot.cli.terminal import make_table, print_json, wide_console
from neurobot.controllers import make_controller
from neurobot.cost import tables_of
from neurobot.episodes import open_env
from neurobot.events import MacEvents
from neurobot.loop import attach
from neurobot.mac import SCHEDULES, MacArray, Processor, sheet
from neurobot.qnet import Network, load
from neurobot.quantities import percent, prefixed

SIZES = ("schedule", "rows", "columns")
PRICING = tables_of(MacEvents.chip)


def add_action(actions: Any) -> None:
    """Declare the action and its options; what was said before ACTION holds."""
    options = actions.add_parser(
        "mac",
        help="layers of a network on the digital processor",
        description="Show what each layer of a network takes on the digital processor, for one "
        "picture of the robot's camera (or of noise, for a network that takes another shape).",
    )
    options.set_defaults(function=run)
    add = options.add_argument
    add("network", metavar="NETWORK", help="a file *.npz, or a controller that has one")
    add("--schedule", choices=SCHEDULES, help=f"of the array (default: {SCHEDULES[0]})")
    for name in ("rows", "columns"):
        default = getattr(MacArray(), name)
        add(f"--{name}", type=int, metavar="N", help=f"of the array (default: {default})")
    later = {"default": argparse.SUPPRESS}
    add("--env", metavar="ID", help="where the picture is taken", **later)
    add("--scenario", metavar="NAME", help="generator or world file (default: forest)", **later)
    add("--seed", type=int, metavar="N", help="of the world (default: 0)", **later)
    add("--json", action="store_true", help="print one JSON object instead of a table", **later)


def find(name: str, env: Any) -> tuple[Network, MacArray]:
    """Return the network of a file or of a controller, and the array that is to run it."""
    if name.endswith(".npz"):
        return load(name), MacArray()
    controller = make_controller(name)
    attach(controller, env)
    processor = getattr(controller, "processor", None)
    if not isinstance(processor, Processor):
        raise ValueError(
            f"controller {name!r}: no digital processor in it; needed: one of cnn-*, or a file "
            "*.npz that holds a network"
        )
    return processor.network, processor.array


def picture(network: Network, env: Any, seed: int) -> tuple[Any, str]:
    """Return an image that a network takes, and what it shows."""
    seen = env.reset(seed=seed)[0]["camera"]
    if seen.shape == network.input_shape and network.signals["input"].highest >= seen.max():
        return seen, "the first picture of its camera"
    ends = network.signals["input"]
    noise = np.random.default_rng(seed).integers(
        ends.lowest, ends.highest + 1, network.input_shape, np.int32
    )
    return noise, "a picture of noise"


def run(args: argparse.Namespace) -> None:
    """Run `neurobot chip mac`."""
    env = open_env(args.env, args.scenario, (("sensor", "camera"),))
    network, array = find(args.network, env)
    given = {name: getattr(args, name) for name in SIZES if getattr(args, name) is not None}
    processor = Processor(network, replace(array, **given))
    image, shown = picture(network, env, args.seed)
    processor.run(image)
    rows = [{**row, **energies(row, MacEvents)} for row in sheet(processor)]
    if args.json:
        more = {"network": args.network, "array": asdict(processor.array), "image": shown}
        print_json("chip mac", args.seed, rows, **more, **summary(processor))
        return
    place = f"{args.env} {args.scenario}, seed {args.seed}"
    show(wide_console(), f"{args.network}, {shown} ({place})", processor, rows)


def summary(processor: Processor) -> Row:
    """Return what the whole network takes."""
    events, array = processor.events, processor.array
    total: Row = {"macs": events.macs, "cycles": events.cycles, "banks": events.banks}
    for name, table in PRICING.items():
        total[f"dynamic_j, {name}"] = table.dynamic_j(events)
        total[f"idle_w, {name}"] = table.idling_w(events)
    return {"latency_s": events.cycles / array.clock_hz, "total": total}


COLUMNS: dict[str, Callable[[Row], str]] = {
    "mode": lambda row: row["mode"],
    "MACs": lambda row: f"{row['macs']:,}" if row["macs"] else "",
    "still\n%": lambda row: percent(row["gated_macs"] / row["macs"]) if row["macs"] else "",
    "cycles": lambda row: f"{row['cycles']:,}",
    "used\n%": lambda row: "" if row["utilization"] is None else percent(row["utilization"]),
    "weight\nwords": lambda row: f"{row['weight_reads']:,}",
    "words\nread": lambda row: f"{row['activation_reads']:,}",
    "words\nwritten": lambda row: f"{row['activation_writes']:,}",
}


def layer_table(rows: list[Row]) -> Table:
    """Lay the layers out."""
    table = make_table("", *COLUMNS, *PRICING)
    for row in rows:
        energy = [prefixed(row[f"dynamic_j, {name}"], "J") for name in PRICING]
        cells = [cell(row) for cell in COLUMNS.values()]
        table.add_row(escape(row["name"]), *cells, *energy)
    return table


def show(console: Console, title: str, processor: Processor, rows: list[Row]) -> None:
    """Print the layers, and what they take together."""
    array, events = processor.array, processor.events
    console.print(f"[bold]{escape(title)}[/]")
    whole = {name: sum(row[name] for row in rows) for name in rows[0] if "j, " in name}
    total = {"name": "together", "mode": "", "utilization": None, "macs": events.macs}
    console.print(layer_table([*rows, {**asdict(events), **total, **whole}]))
    console.print(
        f"{array.rows} x {array.columns} units, {array.schedule}, "
        f"{prefixed(array.clock_hz, 'Hz')}: "
        f"{prefixed(events.cycles / array.clock_hz, 's', 3)} for an image. "
        f"{events.banks} banks of {array.bank_bytes:,} bytes are on; idle power: "
        f"{idle_powers(events)}."
    )
    console.print(
        "Counts are exact, energies modelled: dynamic ones, for the default array. All sizes are "
        "assumed. MACs: multiply-accumulates, padding included; still: those whose input is 0; "
        "used: of all places that the packed lanes of all units have in all cycles.",
        style="dim",
    )

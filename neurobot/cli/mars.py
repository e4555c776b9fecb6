"""`neurobot chip mars`: what each layer of a network takes on the machine of SRAM macros."""

import argparse
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurobot.cli.pricing import Row, energies, idle_powers
from neurobot.cli.terminal import make_table, print_json, wide_console
from neurobot.controllers import make_controller
from neurobot.cost import tables_of
from neurobot.events import MarsEvents
from neurobot.mars import REFILLS, Machine, Silicon, sheet
from neurobot.qnet import Network, load
from neurobot.quantities import percent, prefixed

PRICING = tables_of(MarsEvents.chip)
OPERATIONS = 2  # of a multiply-accumulate
TERA = 1e12


def add_action(actions: Any) -> None:
    """Declare the action and its options; what was said before ACTION holds."""
    options = actions.add_parser(
        "mars",
        help="layers of a network on the machine of SRAM macros",
        description="Show what each layer of a network takes, for any one image, on a machine of "
        "SRAM macros that compute in memory, whose weights are packed without the tiles that are "
        "all 0. All its sizes but for cores and partitions are assumed.",
    )
    options.set_defaults(function=run)
    add = options.add_argument
    add("network", metavar="NETWORK", help="a file *.npz, or a controller that has one")
    for name, default in asdict(Silicon()).items():
        kind: Any = {"choices": REFILLS} if name == "refill" else {"metavar": "N"}
        text = f"(default: {default}, or the controller's)"
        add(f"--{name.replace('_', '-')}", type=type(default), help=text, **kind)
    add("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")


def find(name: str) -> tuple[Network, Silicon]:
    """Return the network of a file or of a controller, and the machine that is to run it."""
    if name.endswith(".npz"):
        return load(name), Silicon()
    controller = make_controller(name)
    machine = getattr(controller, "machine", None)
    if not isinstance(machine, Machine):
        raise ValueError(
            f"controller {name!r}: no machine of SRAM macros in it; needed: cnn-mars, or a file "
            "*.npz that holds a network"
        )
    return machine.network, machine.silicon


def run(args: argparse.Namespace) -> None:
    """Run `neurobot chip mars`."""
    network, silicon = find(args.network)
    asked = {field.name: getattr(args, field.name) for field in fields(Silicon)}
    given = {name: value for name, value in asked.items() if value is not None}
    machine = Machine(network, replace(silicon, **given))
    rows = [{**row, **energies(row, MarsEvents)} for row in sheet(machine)]
    if args.json:
        more = {"network": args.network, "silicon": asdict(machine.silicon)}
        print_json("chip mars", None, rows, **more, **summary(machine))
        return
    show(wide_console(), args.network, machine, rows)


def summary(machine: Machine) -> Row:
    """Return what the whole network takes, images one behind the other."""
    events, latency_s = machine.events, machine.events.cycles / machine.silicon.clock_hz
    total: Row = {
        "cycles": events.cycles,
        "dense_macs": events.dense_macs,
        "executed_macs": events.executed_macs,
        "macros": events.macros,
        "banks": events.banks,
    }
    for name, table in PRICING.items():
        dynamic_j, idle_w = table.dynamic_j(events) or 0.0, table.idling_w(events) or 0.0
        image_j = dynamic_j + idle_w * latency_s
        total[f"dynamic_j, {name}"] = dynamic_j
        total[f"idle_w, {name}"] = idle_w
        total[f"dense_tops_w, {name}"] = OPERATIONS * events.dense_macs / image_j / TERA
        total[f"executed_tops_w, {name}"] = OPERATIONS * events.executed_macs / image_j / TERA
    return {"latency_s": latency_s, "frames_per_s": 1 / latency_s, "total": total}


COLUMNS: dict[str, Callable[[Row], str]] = {
    "mode": lambda row: row["mode"],
    "dense\nMACs": lambda row: prefixed(row["dense_macs"], "", 3) if row["dense_macs"] else "",
    "tiles": lambda row: f"{row['tiles']:,}" if row["tiles"] else "",
    "kept\n%": lambda row: percent(row["kept"] / row["tiles"]) if row["tiles"] else "",
    "index": lambda row: row["code"],
    "cycles": lambda row: f"{row['cycles']:,}",
    "to\nrefill": lambda row: f"{row['refill_cycles']:,}",
    "used\n%": lambda row: percent(row["utilization"]),
}


def layer_table(rows: list[Row]) -> Table:
    """Lay the layers out."""
    table = make_table("", *COLUMNS, *PRICING)
    for row in rows:
        energy = [prefixed(row[f"dynamic_j, {name}"], "J") for name in PRICING]
        table.add_row(escape(row["name"]), *[cell(row) for cell in COLUMNS.values()], *energy)
    return table


def together(machine: Machine, rows: list[Row]) -> Row:
    """Return the line of all layers."""
    events = machine.events
    names = ("tiles", "kept", "refill_cycles", *(name for name in rows[0] if "j, " in name))
    used = events.accesses / (events.cycles * events.macros)
    sums = {name: sum(row[name] for row in rows) for name in names}
    named = {"name": "together", "mode": "", "code": "", "utilization": used}
    return {**asdict(events), **named, "dense_macs": events.dense_macs, **sums}


def core_table(machine: Machine, rows: list[Row]) -> Table:
    """Lay the cores out: how even their shares are."""
    table = make_table("core", "tiles", "busy cycles", "%\nof all")
    for core in range(machine.silicon.cores):
        tiles, busy = (sum(row[name][core] for row in rows) for name in ("core_tiles", "core_busy"))
        cells = f"{tiles:,}", f"{busy:,}", percent(busy / machine.events.cycles)
        table.add_row(f"{core + 1}", *cells)
    return table


def efficiencies(total: Row) -> str:
    """Write both definitions of operations by energy, always side by side."""
    return "; ".join(
        f"{total[f'dense_tops_w, {name}']:.3g} dense-equivalent and "
        f"{total[f'executed_tops_w, {name}']:.3g} executed by {name}"
        for name in PRICING
    )


def show(console: Console, title: str, machine: Machine, rows: list[Row]) -> None:
    """Print the layers, the cores, and what an image takes."""
    silicon, events, found = machine.silicon, machine.events, summary(machine)
    console.print(f"[bold]{escape(title)}[/]")
    console.print(layer_table([*rows, together(machine, rows)]))
    console.print(core_table(machine, rows))
    console.print(
        f"{silicon.cores} cores of {silicon.macros} macros, {silicon.rows} rows at once, "
        f"{silicon.refill} refill, {prefixed(silicon.clock_hz, 'Hz')}: "
        f"{prefixed(found['latency_s'], 's', 3)} for an image, {found['frames_per_s']:.1f} "
        f"frames/s. {events.banks} banks of {silicon.bank_bytes:,} bytes are on; idle power: "
        f"{idle_powers(events)}. TOPS/W, idle power included: {efficiencies(found['total'])}."
    )
    console.print(
        "Counts are exact and do not hang on the image; energies are modelled: dynamic ones, for "
        "the default machine. Sizes and refill are assumed. Tiles: of weights that one access to a "
        "macro takes; only those that are not all 0 are kept. Used: of all accesses that macros "
        "could do in all cycles. Operations: 2 for a multiply-accumulate, of the dense network, or "
        "of kept tiles; channels that only fill tiles up count in neither.",
        style="dim",
    )

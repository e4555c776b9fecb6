"""Which chip a controller has, and how its memories are reached. Nothing is loaded before."""

import importlib
from typing import Any

from neurobot.faults.memory import Memory, Substrate

FAULTS = "neurobot.faults"
SUBSTRATES = {
    "neurobot.controllers.poppins:PoppinsController": "poppins:PoppinsMemories",
    "neurobot.controllers.cnn:CnnController": "digital:ProcessorMemories",
    "neurobot.controllers.mars:MarsController": "mars:MarsMemories",
    "neurobot.controllers.cim:CimController": "column_cim:CimMemories",
    "neurobot.controllers.tdnn:TdnnController": "insight:InsightMemories",
}


def place_of(controller: object) -> str | None:
    """Name the class that opens a controller's chip; None: nobody knows it."""
    for kind in type(controller).__mro__:
        found = SUBSTRATES.get(f"{kind.__module__}:{kind.__qualname__}")
        if found:
            return found
    return None


def find_substrate(controller: Any, world: Any) -> Substrate:
    """Open the chip of a seated controller; world: the environment itself, unwrapped."""
    place = place_of(controller)
    if place is None:
        name = type(controller).__module__.rpartition(".")[2]
        raise ValueError(
            f"faults: {name} has no memories that are modelled; "
            "allowed for it: sensor, latency, clock"
        )
    module, _, name = place.partition(":")
    opened: Substrate = getattr(importlib.import_module(f"{FAULTS}.{module}"), name)(
        controller, world
    )
    return opened


def parts_of(substrate: Substrate, name: str) -> list[tuple[int, Memory]]:
    """Return the memories of a name, with their positions."""
    found = [(k, each) for k, each in enumerate(substrate.memories) if each.name == name]
    if not found:
        known = dict.fromkeys(each.name for each in substrate.memories)
        raise ValueError(
            f"faults: memory {name!r} found; known for this chip: {', '.join(known)}; "
            "around it: sensor, latency, clock"
        )
    return found

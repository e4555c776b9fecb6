"""All figures of a network on arrays: accuracy, counts by layer, time, energy with its range."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import NamedTuple

import numpy as np

from neurobot.cli.pricing import Row, energies
from neurobot.column_cim import Machine, Silicon, Variation, sheet, with_adc
from neurobot.column_cim.layers import on_arrays
from neurobot.column_cim.mapping import adc_grain
from neurobot.column_cim.placing import CONVERTERS, DIGITAL
from neurobot.compiled import cores
from neurobot.cost import BOUNDS, CostTable, tables_of
from neurobot.cost.column_cim import MACRO, components_j, converter_share
from neurobot.cost.converters import LEAST_BITS, MOST_BITS, formula_j, survey_j
from neurobot.events import CONVERSIONS, CimEvents
from neurobot.qnet import ColumnConv, Network, Runner
from neurobot.qnet.columns import code_range
from neurobot.qnet.runner import Array

PRICING = tables_of(CimEvents.chip)
OPERATIONS = 2  # of a multiply-accumulate
TERA = 1e12
STEPS = {
    "layer": "one D serves all columns",
    "array": "one D serves a slice in an array",
    "column": "each column has a D of its own",
}
WITHOUT = "as digital integers", "with ideal converters"  # of plain networks, of others
WORST = " No images were given to calibrate on: real sums use little of that."


class Seen(NamedTuple):
    """Images that figures are of; labels: None of noise; shown: what they are, in words."""

    images: Array
    labels: Array | None
    shown: str


class Placed(NamedTuple):
    """A network as it was found, and on arrays; the machine, and what separates cells from digits.

    draws: seeds of what varies.
    """

    found: Network
    network: Network
    silicon: Silicon
    variation: Variation
    draws: Sequence[int]

    @property
    def varies(self) -> bool:
        """Whether anything does."""
        return self.variation.random or self.variation.leaky

    @property
    def digital(self) -> Network:
        """The same integers without what converters lose."""
        return with_adc(self.found, None) if on_arrays(self.found) else self.found

    def machine(self, draw: int) -> Machine:
        """Return the machine with the network on it, its cells as they were drawn."""
        return Machine(self.network, self.silicon, self.variation, draw)


def measure(placed: Placed, seen: Seen) -> Row:
    """Return all figures as JSON can hold them; those of `rows` and `total` are by image.

    Counts are those of the first draw.
    """
    machine = placed.machine(placed.draws[0])
    scores = machine.run_all(seen.images)
    rows = [by_image(row, machine.images) for row in sheet(machine)]
    rows = [{**row, **energies(row, CimEvents)} for row in rows]
    counts = by_image(asdict(machine.events), machine.images)
    return {
        "images": {"shown": seen.shown, "count": machine.images},
        "silicon": asdict(placed.silicon),
        "variation": placed.variation.plain,
        "draws": list(placed.draws),
        "converters": semantics(placed, is_worst=seen.labels is None),
        "digital_layers": digital_layers(placed.network),
        "accuracy": accuracies(placed, seen, scores),
        "rows": rows,
        **totals(CimEvents(**counts), placed.silicon.clock_hz),
    }


def by_image(row: Row, images: int) -> Row:
    """Return a line of the sheet with its events by image; what is switched on stays as it is."""
    added = CimEvents.__dataclass_fields__.keys() - CimEvents.held
    return {
        name: shared_out(value, images) if name in added else value for name, value in row.items()
    }


def shared_out(count: int, images: int) -> int | float:
    """Return a count by image, whole where it is."""
    return count / images if count % images else count // images


def totals(events: CimEvents, clock_hz: float) -> Row:
    """Return what an image takes; images come one behind the other."""
    seconds = events.cycles / clock_hz
    priced = {name: price(table, events, seconds) for name, table in PRICING.items()}
    more = {"conversions": events.conversions, "macs": events.operations}
    return {
        "latency_s": seconds,
        "images_per_s": 1 / seconds,
        "total": {**asdict(events), **more},
        "energy": priced,
        "forms": forms(events),
    }


def price(table: CostTable, events: CimEvents, seconds: float) -> Row:
    """Return what an image takes by a cost table: energies at all bounds, and shares."""
    tariff = table.tariffs[CimEvents.chip]
    parts = {bound: components_j(tariff, events, seconds, bound) for bound in BOUNDS}
    image_j, macro_j = sum(parts["nominal"].values()), sum(parts["nominal"][k] for k in MACRO)
    return {
        "node_nm": table.node_nm,
        "components_j": parts,
        "image_j": {bound: sum(each.values()) for bound, each in parts.items()},
        "idle_w": tariff.idling_w(events),
        "converter_share": converter_share(parts["nominal"]),
        "macro_tops_w": OPERATIONS * events.array_macs / macro_j / TERA,
        "tops_w": OPERATIONS * events.operations / image_j / TERA,
    }


def forms(events: CimEvents) -> Row:
    """Return the energy of all conversions by both forms at 28 nm; None: not covered."""
    found: dict[str, float | None] = {"formula_j": 0.0, "survey_j": 0.0}
    for bits, name in enumerate(CONVERSIONS, 1):
        if not (count := getattr(events, name)):
            continue
        found["formula_j"] = (found["formula_j"] or 0.0) + count * formula_j(bits)
        known, so_far = LEAST_BITS <= bits <= MOST_BITS, found["survey_j"]
        found["survey_j"] = None if so_far is None or not known else so_far + count * survey_j(bits)
    return found


def accuracies(placed: Placed, seen: Seen, scores: Array) -> Row | None:
    """Return shares of images told right, and told as the digital integers do; None: no labels.

    scores: of the first draw.
    """
    if seen.labels is None:
        return None
    digital = run_plain(placed.digital, seen.images).argmax(axis=1)
    others = (placed.machine(draw).run_all(seen.images) for draw in placed.draws[1:])
    answers = [each.argmax(axis=1) for each in (scores, *others)]
    right = [float(np.mean(each == seen.labels)) for each in answers]
    meant = answers[0]
    if placed.varies:
        meant = Machine(placed.network, placed.silicon).run_all(seen.images).argmax(axis=1)
    return {
        "digital": float(np.mean(digital == seen.labels)),
        "digital_is": WITHOUT[bool(on_arrays(placed.found))],
        "arrays": float(np.mean(meant == seen.labels)),
        "as_digital": float(np.mean(meant == digital)),
        "varied": right if placed.varies else None,
    }


def run_plain(network: Network, images: Array) -> Array:
    """Return the scores (N, n) of images that are known to be such, by all cores."""
    with ThreadPoolExecutor(cores()) as pool:
        parts = np.array_split(images, cores())
        return np.concatenate(list(pool.map(lambda part: Runner(network).run_all(part), parts)))


def digital_layers(network: Network) -> Row:
    """Return which layers with weights do not lie on arrays, and why, as far as it is known."""
    plain = [conv.name for conv in network.convs if not isinstance(conv, ColumnConv)]
    why = network.notes.get(DIGITAL, "the network has them so")
    return {"names": plain, "why": why if plain else ""}


def semantics(placed: Placed, is_worst: bool) -> list[str]:
    """Say what converters do, a text for each kind of them; is_worst: nothing to calibrate on."""
    kinds: dict[tuple[int | None, str], list[str]] = {}
    for conv in on_arrays(placed.network):
        grain = adc_grain(conv, placed.silicon.columns)
        kinds.setdefault((conv.adc_bits, grain), []).append(conv.name)
    origin = str(placed.network.notes.get(CONVERTERS, "as the network was trained"))
    more = WORST if is_worst and not on_arrays(placed.found) else ""
    return [in_words(*kind, ", ".join(names), origin, more) for kind, names in kinds.items()]


def in_words(bits: int | None, grain: str, names: str, origin: str, more: str) -> str:
    """Say what a converter does with what a column sums in a cycle."""
    if bits is None:
        return f"Ideal converters ({names}): a column's sum is its code, however large; no price."
    low, high = code_range(bits)
    return (
        f"Converters of {bits} bit{'s' * (bits > 1)} ({names}): a column's sum p becomes the code "
        f"m = clip(rint((p - z) / D), {low}, {high}), halves to even, and stands for D m + z, in "
        f"digits of a cell; {STEPS[grain]}. D and z are the same for all images: {origin}.{more}"
    )

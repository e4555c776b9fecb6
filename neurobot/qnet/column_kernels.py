"""Convolution in memory as steps of a run."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from neurobot.qnet import column_loops as loops
from neurobot.qnet.checks import Reals
from neurobot.qnet.column_layout import Layout
from neurobot.qnet.columns import ColumnConv
from neurobot.qnet.maps import Array, Map, Step, make_memory
from neurobot.qnet.vectors import LANES

# The sums of a cycle, (places, T, S', O) in float32, and its number -> steps that change them.
Disturb = Callable[[Array, int], list[Step]]


class Laid(NamedTuple):
    """What the loops of a layer read: whoever changes it changes the next run.

    source: the map of its inputs; cells, converters: as `layout` lays them out; constants:
    (outputs,), with the half that rounds, and corrections: (T * outputs,), none where there is
    nothing to correct, both with room for `layout.width` outputs; sums: of outputs, before they are
    rounded, (places, outputs), float64.
    """

    layout: Layout
    source: Map
    cells: loops.Cells
    converters: loops.Converters
    constants: Array
    corrections: Array
    sums: Array


# Told what a layer reads -> steps to be taken before the sums of its outputs are rounded.
Opened = Callable[[Laid], list[Step]]


def plan_inputs(
    layout: Layout, source: Map, inputs: Array, totals: Array, *taps: Any
) -> list[Step]:
    """Apply the inputs, cycle by cycle."""
    conv, steps, memory = layout.conv, list[Step](), source.memory
    if conv.flat:
        order = np.moveaxis(np.arange(source.flat.size).reshape(source.shape), 2, 0).ravel()
        memory = np.zeros_like(memory)
        steps.append((loops.reorder, (source.memory, order, memory)))
    way = np.array([layout.cycles, conv.dac_bits])
    return [*steps, (loops.drive, (memory, inputs, totals, tuple(layout.spots()), *taps, way))]


def lay(layout: Layout, source: Map, held: Array, reference: Reals | None) -> Laid:
    """Lay a layer out."""
    conv = layout.conv
    more = (0, layout.width - layout.made[2])
    corrections = np.pad(conv.corrections, ((0, 0), more))[: conv.tiles if conv.correction else 0]
    return Laid(
        layout,
        source,
        layout.cells(held, reference),
        layout.converters(),
        constants=np.pad(conv.constants(layout.bits) + (1 << conv.fraction) // 2, more),
        corrections=corrections.reshape(-1),
        sums=make_memory(len(layout.corners) * layout.width, np.float64).reshape(-1, layout.width),
    )


def plan_begin(laid: Laid, totals: Array) -> list[Step]:
    """Start the sums of all outputs."""
    layout = laid.layout
    inputs = totals.reshape(layout.conv.tiles, -1)
    given = laid.constants, laid.corrections, inputs, layout.corners, layout.box
    return [(loops.begin, (laid.sums.reshape(-1), *given))]


def check_cells(conv: ColumnConv, what: str, found: Array, shape: tuple[int, ...]) -> None:
    """Refuse cells that are not those of a layer, and cells that are no numbers."""
    if found.shape != shape or found.dtype != np.float32 or not np.isfinite(found).all():
        raise ValueError(
            f"{conv.name}: {what} of {found.dtype} and shape {found.shape} found; "
            f"allowed: finite float32 numbers of shape {shape}"
        )


def plan_columns(
    conv: ColumnConv,
    target: Map,
    source: Map,
    taps: Array,
    number: int,
    *,
    cells: Reals | None = None,
    reference: Reals | None = None,
    disturb: Disturb | None = None,
    opened: Opened | None = None,
) -> list[Step]:
    """Apply inputs, count those that are not 0, sum columns, convert, and scale.

    cells: (T, S', O, channels, rows, columns), float32, instead of the digits; reference: (T,
    channels, rows, columns) of a column in each tile, whose sum is subtracted from all others;
    disturb: what changes the sums of a cycle, (places, T, S', O), before they are converted;
    opened: who is told what the layer reads. Without any of the first three
    sums are exact; with them of float32.
    """
    shape = conv.digits.shape
    for what, found, wanted in (
        ("cells", cells, shape),
        ("reference cells", reference, (shape[0], *shape[3:])),
    ):
        if found is not None:
            check_cells(conv, what, found, wanted)
    assert source.signal is not None
    assert target.signal is not None
    real = not (cells is None and reference is None and disturb is None)
    layout = Layout(conv, source.shape, source.signal.bits, target.shape, 1 if real else 2)
    held = (conv.digits if cells is None else cells).astype(np.float32 if real else np.int16)
    inputs = np.zeros(int(sum(layout.hops)) * layout.cycles + LANES, held.dtype)
    totals = np.zeros(conv.tiles * np.prod(layout.padded), np.int64)
    laid = lay(layout, source, held, reference)
    ends = 0.5**conv.fraction, target.signal.lowest, target.signal.highest
    return [
        *plan_inputs(layout, source, inputs, totals, taps, number),
        *plan_begin(laid, totals),
        *plan_sums(laid, inputs, reference is not None, disturb),
        *(opened(laid) if opened else ()),
        (loops.settle, (laid.sums, target.places, *ends)),
    ]


def plan_sums(laid: Laid, inputs: Array, referenced: bool, disturb: Disturb | None) -> list[Step]:
    """Sum columns, convert their sums, and add what codes stand for to those of the outputs."""
    layout, windows, total = laid.layout, laid.layout.windows(), laid.sums.reshape(-1)
    less = np.zeros(len(windows.corners), np.float32)
    given = inputs, tuple(laid.cells), tuple(windows), less
    passing = layout.passing(np.float32 if layout.inputs == 1 else np.int32)
    before: list[Step] = []
    if referenced:
        before = [(loops.sum_references, (*given, passing.sums))]
    by = tuple(laid.converters)
    if disturb is None:
        return [*before, (loops.sum_and_convert, (*given, tuple(passing), by, total))]
    shape = layout.cycles, len(layout.corners), *layout.conv.column_shape
    memory = np.zeros(np.prod(shape) + LANES, np.float32)
    kept, sums = layout.keeping(memory), memory[:-LANES].reshape(shape)
    return [
        *before,
        (loops.sum_and_keep, (*given, passing.sums, tuple(kept))),
        *(step for cycle, part in enumerate(sums) for step in disturb(part, cycle)),
        (loops.convert_kept, (tuple(kept), tuple(windows), by, total)),
    ]

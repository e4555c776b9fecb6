"""What stands around the sums of columns in training, compiled: each tensor is read or made once.

Maps lie in memory place by place, the channels of a place side by side, as torch's channels_last
ones do. L: cycles, N: images, P: places of a map, T: tiles, S: columns of an output in a tile, O:
outputs. Everything is float32 and rounded half to even; sums over places are float64. What is no
number any more stays so, for a training to stop at.
"""

from typing import Any, NamedTuple

import numpy as np

from neurobot.compiled import apart, kernel

WHOLE = np.float32(1.5 * 2**23)  # added and taken off again, it leaves whole numbers below 2^22


class Codes(NamedTuple):
    """The least and the greatest code of converters, and what lies halfway between: float32."""

    low: Any
    high: Any
    middle: Any


@kernel
def rounded(x: Any) -> Any:
    """Round half to even."""
    return (x + WHOLE) - WHOLE


@kernel
def clipped(ratio: Any, codes: Codes) -> Any:
    """Limit what will be a code."""
    limited = codes.low if ratio < codes.low else ratio
    return codes.high if ratio > codes.high else limited


@apart
def drive(values: Any, step: Any, bits: int, out: Any) -> None:
    """Write what rows are driven by: codes of inputs, cut into cycles of so many bits.

    values: (places, channels), whole multiples of the step; out: (L, places, T channels of a full
    tile), 0 behind the channels.
    """
    cycles, places, wide = out.shape
    mask = (1 << bits) - 1
    for cycle in range(cycles):
        for n in range(places):
            for c in range(values.shape[1]):
                ratio = values[n, c] / step
                code = np.float32((np.int32(rounded(ratio)) >> cycle * bits) & mask)
                out[cycle, n, c] = code if ratio == ratio else ratio
            for c in range(values.shape[1], wide):
                out[cycle, n, c] = 0


@apart
def fill(weights: Any, steps: Any, digits: Any, lowest: int, out: Any) -> None:
    """Write what cells hold: the digits of weights.

    weights: (O, window, channels), whole multiples of steps (T, O); digits: (S, codes), of codes
    from the lowest on; out: (T, S, O, window, channels of a full tile), 0 behind the channels.
    """
    outputs, window, channels = weights.shape
    tiles, slices, _, _, most = out.shape
    for t in range(tiles):
        given = min(most, channels - t * most)
        for j in range(slices):
            for o in range(outputs):
                for k in range(window):
                    for c in range(given):
                        ratio = weights[o, k, t * most + c] / steps[t, o]
                        code = int(rounded(ratio)) - lowest
                        known = 0 <= code < digits.shape[1]
                        out[t, j, o, k, c] = digits[j, code] if known else np.nan
                    for c in range(given, most):
                        out[t, j, o, k, c] = 0


@apart
def convert(
    sums: Any,
    step: Any,
    offset: Any,
    factor: Any,
    inputs: Any,
    less: Any,
    codes: Codes,
    out: Any,
    part: Any,
    totals: Any,
) -> None:
    """Convert sums (L, N, P, T S, O), and write what all codes stand for, (N, P, O).

    step, offset: D and z, (T S, O); factor: of what a code stands for, (L, T S, O); inputs: sums of
    the inputs of a tile, (N, P, tiles), that are subtracted times less (tiles, O). totals: of all
    sums of a column, (T S, O), by way of those of an image, `part`; empty, if not asked for.
    """
    cycles, images, places, columns, outputs = sums.shape
    for image in range(images):
        part[:] = 0
        for n in range(places):
            for o in range(outputs):
                out[image, n, o] = 0
            for t in range(less.shape[0]):
                for o in range(outputs):
                    out[image, n, o] -= less[t, o] * inputs[image, n, t]
            for cycle in range(cycles):
                for k in range(columns):
                    for o in range(outputs):
                        ratio = (sums[cycle, image, n, k, o] - offset[k, o]) / step[k, o]
                        code = rounded(clipped(ratio, codes))
                        meant = step[k, o] * code + offset[k, o]
                        out[image, n, o] += factor[cycle, k, o] * meant
                for k in range(totals.shape[0]):
                    for o in range(outputs):
                        part[k, o] += sums[cycle, image, n, k, o]
        for k in range(totals.shape[0]):
            for o in range(outputs):
                totals[k, o] += part[k, o]


@apart
def turn_back(
    codes: Codes,
    sums: Any,
    step: Any,
    offset: Any,
    upstream: Any,
    weights: Any,
    scale: Any,
    to_cells: Any,
    to_inputs: Any,
    part: Any,
    to_step: Any,
) -> None:
    """Turn the gradient of the outputs, upstream (N, P, O), into those of all that they hang on.

    sums: (L, N, P, T, S, O); weights: of a cycle, (L,); step, offset, scale: (T, S, O). Of the
    sums' gradient two things are asked: to_cells (L, N, P, T, O), added up over S, times weights;
    to_inputs (N, P, T, S, O), added up over L, times scale. to_step: of D, (T, S, O), added up over
    everything, times weights, by way of those of an image, `part`.
    """
    cycles, images, places, tiles, slices, outputs = sums.shape
    for image in range(images):
        part[:] = 0
        for n in range(places):
            for cycle in range(cycles):
                w = weights[cycle]
                for t in range(tiles):
                    for j in range(slices):
                        for o in range(outputs):
                            above = sums[cycle, image, n, t, j, o] - offset[t, j, o]
                            ratio = above / step[t, j, o]
                            code = rounded(clipped(ratio, codes))
                            inside = (codes.low <= ratio) & (ratio <= codes.high)
                            given = upstream[image, n, o]
                            kept = given if inside else np.float32(0)
                            error = code - (ratio if inside else codes.middle)
                            part[t, j, o] += w * (given * error)
                            before = to_cells[cycle, image, n, t, o] if j else np.float32(0)
                            to_cells[cycle, image, n, t, o] = before + w * kept
                            before = to_inputs[image, n, t, j, o] if cycle else np.float32(0)
                            to_inputs[image, n, t, j, o] = before + scale[t, j, o] * kept
        for t in range(tiles):
            for j in range(slices):
                for o in range(outputs):
                    to_step[t, j, o] += part[t, j, o]

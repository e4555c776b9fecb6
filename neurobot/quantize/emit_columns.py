"""Layers on arrays, written with the steps and the converters that they were trained with.

Outputs of such a layer are integers with some bits behind the point of a weight's step: what 1
stands for is a power of two, so that steps of weights, divided by it, stay the float32 numbers that
they were. Merged constants have as many bits behind the point as converters have, or 8: then what
is lost by rounding them is about an output's last bit for each column.
"""

from typing import Any

import numpy as np
from torch import nn

from neurobot.qnet import ColumnConv, Conv, Signal
from neurobot.qnet.checks import MOST_BITS
from neurobot.qnet.columns import MOST_ADC_BITS
from neurobot.quantize.column import ColumnLayer
from neurobot.quantize.pending import Floats

LEAST_FRACTION = 8
MOST_FINE = 12  # bits behind the point of the largest step of an output's weights
INT32_BITS = 31


def lay_columns(conv: Conv, source: Signal, module: Any) -> tuple[ColumnConv, Floats]:
    """Return a trained layer on arrays, and what 1 of its sums stands for, (out,)."""
    steps = module.weight_quantizer.steps.cpu().double().numpy()
    unit = np.exp2(np.floor(np.log2(steps.max(axis=0))))
    coarse = column_conv(conv, module, steps / unit).signal(source)
    room = INT32_BITS - 1 - max(-coarse.lowest, coarse.highest).bit_length()
    fine = np.exp2(np.clip(room, 0, MOST_FINE))
    return column_conv(conv, module, steps / unit * fine), unit / fine


def column_conv(conv: Conv, module: ColumnLayer, steps: Floats) -> ColumnConv:
    """Lay a convolution on arrays; steps: of weights, (T, O), in units of the output."""
    own, converters = module.layout.columns, module.converters
    constants: dict[str, Any] = {} if converters is None else converters.exported()
    return ColumnConv(
        conv.name,
        conv.inputs,
        conv.weights,
        conv.weight_bits,
        stride=conv.stride,
        padding=conv.padding,
        rows=own.rows,
        cell_bits=own.cell_bits,
        encoding=own.encoding,
        dac_bits=own.dac_bits or MOST_BITS,
        adc_bits=own.adc_bits,
        flat=isinstance(module, nn.Linear),
        fraction=max(LEAST_FRACTION, own.adc_bits or MOST_ADC_BITS),
        steps=steps.astype(np.float32),
        **constants,
    )


def inexactness(conv: ColumnConv, source: Signal) -> Floats:
    """Return how far outputs may be off because merged constants are rounded, (out,)."""
    steps, weights = conv.steps.astype(np.float64), conv.cycle_weights(source.bits).sum()
    sums = np.abs(conv.digits).reshape(*conv.column_shape, -1).sum(3) * source.highest
    codes = sums if conv.codes_range is None else np.abs(conv.codes_range).max()
    inputs = np.array(conv.tiling.rows_used)[:, None] * source.highest
    factors = steps[:, None] * conv.places[:, None] * conv.adc_step
    off = np.abs(conv.multipliers - np.ldexp(factors, conv.fraction)) * codes * weights
    less = np.abs(conv.corrections - np.ldexp(steps * conv.correction, conv.fraction)) * inputs
    total = off.sum((0, 1)) + less.sum(0) + 0.5  # of the constant
    return np.asarray(np.ldexp(total, -conv.fraction) + 0.5)

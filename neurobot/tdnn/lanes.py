"""What neurons and window maxima make of lanes of int32, as instructions of compiled code."""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from neurobot.qnet.vectors import LANES, instruction, spread

INT64_LANES = ir.VectorType(ir.IntType(64), LANES)


@instruction
def greater_lanes(typing: Any, one: Any, other: Any) -> Any:
    """Return the greater number, lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return greater(builder, *given)

    return one(one, other), generate


def greater(builder: Any, one: Any, other: Any) -> Any:
    """Choose the greater number, lane by lane."""
    return builder.select(builder.icmp_signed(">", one, other), one, other)


def less(builder: Any, one: Any, other: Any) -> Any:
    """Choose the lesser number, lane by lane."""
    return builder.select(builder.icmp_signed("<", one, other), one, other)


@instruction
def code_lanes(
    typing: Any, total: Any, scale: Any, bias: Any, shift: Any, low: Any, high: Any, odd: Any
) -> Any:
    """Return k = clip((total scale + bias) >> shift, low, high), in int64 on the way.

    Where odd is not 0, 2 k - odd.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        total, *numbers = given
        scale, bias, shift, low, high, odd = (spread(builder, number) for number in numbers)
        value = builder.mul(builder.sext(total, INT64_LANES), scale)
        value = builder.ashr(builder.add(value, bias), shift)
        value = less(builder, greater(builder, value, low), high)
        nothing = ir.Constant(INT64_LANES, None)
        twice = builder.select(builder.icmp_signed("!=", odd, nothing), value, nothing)
        value = builder.sub(builder.add(value, twice), odd)
        return builder.trunc(value, ir.VectorType(ir.IntType(32), LANES))

    wide = (types.int64,) * 6
    return total(total, *wide), generate

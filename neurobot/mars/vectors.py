"""Sums of products of int16 pairs, as values of compiled code: exact, in int32.

A register of weights holds those of HALF output channels for INPUTS neighbouring inputs; lane 2 c +
h of its sum is that of channel c and of the h-th pair of inputs. PLACES such sums are one value, so
that what is read of the weights serves them all. The instructions are generic ones, which LLVM
recognizes: on machines that have them, a product of pairs and its sum are one (vpdpwssd), or two
(pmaddwd, paddd).
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from neurobot.qnet.column_vectors import PLACES, first_number, join_two
from neurobot.qnet.vectors import LANES, Lanes, address, instruction, size_of, spread

INPUTS = 4
HALF = 2 * LANES // INPUTS  # output channels

INT32 = ir.IntType(32)
LONG = ir.VectorType(INT32, 2 * LANES)
SUMS = types.UniTuple(Lanes(types.int32), PLACES)  # type: ignore[no-untyped-call]


@instruction
def no_sums(typing: Any) -> Any:
    """Return sums of 0."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return ir.Constant(context.get_value_type(SUMS), None)

    return SUMS(), generate


@instruction
def add_pairs(
    typing: Any,
    sums: Any,
    weights: Any,
    register: Any,
    source: Any,
    corners: Any,
    offsets: Any,
    entry: Any,
) -> Any:
    """Add products of a register's weights with the inputs that lie at an entry's offset.

    weights: int16, flat, 2 LANES for each register; source: int16; offsets: int64, from corners on.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        sums, weights, register, source, corners, offsets, entry = given
        first = builder.mul(register, ir.Constant(register.type, 2 * LANES))
        pointer = address(context, builder, signature.args[1], weights, first, 2 * LANES)
        factors = builder.sext(builder.load(pointer, align=size_of(signature.args[1])), LONG)
        places = first_number(signature.args[5], offsets, context, builder)
        offset = builder.load(builder.gep(places, [entry]))
        inputs = builder.gep(first_number(signature.args[3], source, context, builder), [offset])
        for k in range(PLACES):
            corner = builder.gep(inputs, [builder.extract_value(corners, k)])
            products = builder.mul(factors, load_inputs(builder, corner))
            total = builder.add(builder.extract_value(sums, k), join_pairs(builder, products))
            sums = builder.insert_value(sums, total, k)
        return sums

    given = weights, types.intp, source, corners, offsets, types.intp
    return SUMS(sums, *given), generate


def load_inputs(builder: Any, pointer: Any) -> Any:
    """Read INPUTS numbers of int16, again and again, into 2 LANES of int32."""
    together = ir.IntType(16 * INPUTS)
    numbers = builder.load(builder.bitcast(pointer, together.as_pointer()), align=2)
    spreaded = spread(builder, numbers, 2 * LANES // INPUTS)
    return builder.sext(builder.bitcast(spreaded, ir.VectorType(ir.IntType(16), 2 * LANES)), LONG)


def join_pairs(builder: Any, values: Any) -> Any:
    """Add neighbouring lanes; half as many are left."""
    return join_two(builder, values, ir.Constant(values.type, ir.Undefined), values.type.count)


@instruction
def join_halves(typing: Any, low: Any, high: Any) -> Any:
    """Add neighbouring lanes of two sums: those of HALF output channels, and of HALF more."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return join_two(builder, given[0], given[1], 2 * LANES)

    return low(low, high), generate

"""A vector register as a value of compiled code: LANES numbers of one type, side by side.

Numba keeps the sums of a loop over channels in memory. Sums that are values stay in registers, as
many as a loop names, and its speed does not hang on what the compiler guesses about the loop.
Lanes of float32 are multiplied and added one by one, each result rounded, in the order written.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic, models, register_model

LANES = 16


class Lanes(types.Type):
    """The type of LANES numbers."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """How the machine holds them: as one vector."""

    def __init__(self, manager: Any, kind: Lanes) -> None:
        number = manager.lookup(kind.dtype).get_value_type()
        super().__init__(  # type: ignore[no-untyped-call]
            manager, kind, ir.VectorType(number, LANES)
        )


def instruction(function: Any) -> Any:
    """Make an instruction of a function that types it and returns what generates it."""
    return intrinsic(function)


def address(
    context: Any, builder: Any, array_type: Any, array: Any, place: Any, count: int = LANES
) -> Any:
    """Point at so many lanes of an array that begin at a place."""
    base = context.make_array(array_type)(context, builder, array).data
    lanes = ir.VectorType(context.get_value_type(array_type.dtype), count)
    return builder.bitcast(builder.gep(base, [place]), lanes.as_pointer())


def size_of(array_type: Any) -> int:
    """Return the bytes of one number."""
    return int(array_type.dtype.bitwidth) // 8


@instruction
def no_lanes(typing: Any, array: Any) -> Any:
    """Return lanes of 0, of the type of an array's numbers."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return ir.Constant(context.get_value_type(signature.return_type), None)

    return Lanes(array.dtype)(array), generate


@instruction
def load_lanes(typing: Any, array: Any, place: Any) -> Any:
    """Read lanes of an array, from a place on; all of them must lie in its memory."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        pointer = address(context, builder, signature.args[0], *given)
        return builder.load(pointer, align=size_of(signature.args[0]))

    return Lanes(array.dtype)(array, types.intp), generate


@instruction
def spread_number(typing: Any, array: Any, place: Any) -> Any:
    """Read one number of an array into all lanes."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        base = context.make_array(signature.args[0])(context, builder, given[0]).data
        return spread(builder, builder.load(builder.gep(base, [given[1]])))

    return Lanes(array.dtype)(array, types.intp), generate


@instruction
def store_lanes(typing: Any, array: Any, place: Any, lanes: Any, count: Any) -> Any:
    """Write the first so many lanes into an array, from a place on.

    What stands behind them is read and written again, so that much memory must be there.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        array, place, lanes, count = given
        pointer = address(context, builder, signature.args[0], array, place)
        align = size_of(signature.args[0])
        numbers = ir.Constant(ir.VectorType(count.type, LANES), list(range(LANES)))
        wanted = builder.icmp_signed("<", numbers, spread(builder, count))
        kept = builder.load(pointer, align=align)
        builder.store(builder.select(wanted, lanes, kept), pointer, align=align)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes, types.intp), generate


def spread(builder: Any, number: Any, count: int = LANES) -> Any:
    """Put the same number into so many lanes."""
    nothing = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), None)
    return builder.shuffle_vector(first, nothing, zeros)


@instruction
def add_products(typing: Any, total: Any, one: Any, other: Any) -> Any:
    """Return total + one times other, lane by lane; integers wrap around."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        total, one, other = given
        if isinstance(signature.return_type.dtype, types.Float):
            return builder.fadd(total, builder.fmul(one, other))
        return builder.add(total, builder.mul(one, other))

    return total(total, one, other), generate

"""Sums of columns as values of compiled code: PLACES windows at a time, LANES columns each.

A register holds the cells of LANES columns for the inputs of an entry: two neighbouring ones as
int16, whose products are summed exactly in int32, or one as float32, whose product and whose sum
are each rounded. What is read of a register serves all windows. The instructions are generic ones;
of int16, LLVM makes a product of pairs and its sum one or two.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from neurobot.qnet.vectors import LANES, Lanes, address, instruction, size_of, spread

PLACES = 8  # whose sums stay in registers

INT16, INT32, FLOAT = ir.IntType(16), ir.IntType(32), ir.FloatType()
CORNERS = types.UniTuple(types.intp, PLACES)  # type: ignore[no-untyped-call]


def inputs_of(kind: Any) -> int:
    """Return how many inputs an entry has, by what cells are held as."""
    return 2 if kind == types.int16 else 1


def sums_of(cells: Any) -> Any:
    """Return the type of PLACES sums."""
    kind = types.int32 if cells.dtype == types.int16 else types.float32
    return types.UniTuple(Lanes(kind), PLACES)  # type: ignore[no-untyped-call]


def first_number(array_type: Any, array: Any, context: Any, builder: Any) -> Any:
    """Point at the first number of an array."""
    return context.make_array(array_type)(context, builder, array).data


def call(builder: Any, name: str, made: Any, given: Any) -> Any:
    """Call a function of LLVM, of one argument."""
    kind, functions = ir.FunctionType(made, [given.type]), builder.module.globals
    return builder.call(functions.get(name) or ir.Function(builder.module, kind, name), [given])


@instruction
def no_sums(typing: Any, cells: Any) -> Any:
    """Return sums of 0, of what the products of cells are."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return ir.Constant(context.get_value_type(signature.return_type), None)

    return sums_of(cells)(cells), generate


@instruction
def load_corners(typing: Any, corners: Any, first: Any) -> Any:
    """Read PLACES places of memory, from a number on; corners: int64."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        base = first_number(corners, given[0], context, builder)
        pointer = builder.gep(base, [given[1]])
        return builder.load(
            builder.bitcast(pointer, context.get_value_type(CORNERS).as_pointer()), align=8
        )

    return CORNERS(corners, types.intp), generate


@instruction
def add_entry(
    typing: Any, sums: Any, cells: Any, register: Any, inputs: Any, corners: Any, place: Any
) -> Any:
    """Add what a register of cells conducts for an entry's inputs, which begin at a place.

    cells, inputs: flat; register: its first cell; place: from each window's corner on.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        sums, cells, register, inputs, corners, place = given
        count = inputs_of(signature.args[1].dtype)
        pointer = address(context, builder, signature.args[1], cells, register, count * LANES)
        held = builder.load(pointer, align=size_of(signature.args[1]))
        base = builder.gep(first_number(signature.args[3], inputs, context, builder), [place])
        for k in range(PLACES):
            pointer = builder.gep(base, [builder.extract_value(corners, k)])
            total = builder.extract_value(sums, k)
            total = (add_pairs if count == 2 else add_single)(builder, total, held, pointer)
            sums = builder.insert_value(sums, total, k)
        return sums

    return sums(sums, cells, types.intp, inputs, corners, types.intp), generate


def add_pairs(builder: Any, total: Any, held: Any, pointer: Any) -> Any:
    """Add products of pairs of int16, exact in int32."""
    long = ir.VectorType(INT32, 2 * LANES)
    pair = builder.load(builder.bitcast(pointer, INT32.as_pointer()), align=2)
    driven = builder.bitcast(spread(builder, pair), ir.VectorType(INT16, 2 * LANES))
    products = builder.mul(builder.sext(held, long), builder.sext(driven, long))
    nothing = ir.Constant(long, ir.Undefined)
    return builder.add(total, join_two(builder, products, nothing, 2 * LANES))


def join_two(builder: Any, one: Any, other: Any, count: int) -> Any:
    """Add neighbours among the first so many lanes of two vectors, of int32."""
    lanes = ir.VectorType(INT32, count // 2)
    even, odd = (ir.Constant(lanes, list(range(first, count, 2))) for first in (0, 1))
    return builder.add(
        builder.shuffle_vector(one, other, even), builder.shuffle_vector(one, other, odd)
    )


def add_single(builder: Any, total: Any, held: Any, pointer: Any) -> Any:
    """Add products of float32, each rounded, and so is the sum."""
    driven = spread(builder, builder.load(pointer, align=4))
    return builder.fadd(total, builder.fmul(held, driven))


@instruction
def store_sums(typing: Any, target: Any, place: Any, sums: Any) -> Any:
    """Write PLACES sums into an array, one after the other, from a place on."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        target, place, sums = given
        align = size_of(signature.args[0])
        for k in range(PLACES):
            at = builder.add(place, ir.Constant(place.type, k * LANES))
            pointer = address(context, builder, signature.args[0], target, at)
            builder.store(builder.extract_value(sums, k), pointer, align=align)
        return context.get_dummy_value()

    return types.void(target, types.intp, sums), generate


def as_kind(builder: Any, lanes: Any, found: Any, number: Any) -> Any:
    """Convert lanes of one kind of number to another one, each rounded."""
    wanted = ir.VectorType(number, LANES)
    if lanes.type == wanted:
        return lanes
    if isinstance(found.dtype, types.Integer):
        return builder.sitofp(lanes, wanted)
    return builder.fpext(lanes, wanted)


@instruction
def to_doubles(typing: Any, lanes: Any) -> Any:
    """Return lanes as float64, which holds all that int32 and float32 do."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return as_kind(builder, given[0], signature.args[0], ir.DoubleType())

    return Lanes(types.float64)(lanes), generate


@instruction
def lessen(typing: Any, sums: Any, less: Any, place: Any) -> Any:
    """Subtract numbers of an array from PLACES sums, rounded; whole sums are left as they are."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        sums, less, place = given
        if isinstance(signature.args[0].dtype.dtype, types.Integer):
            return sums
        base = builder.gep(first_number(signature.args[1], less, context, builder), [place])
        for k in range(PLACES):
            number = builder.load(builder.gep(base, [ir.Constant(INT32, k)]))
            rest = builder.fsub(builder.extract_value(sums, k), spread(builder, number))
            sums = builder.insert_value(sums, rest, k)
        return sums

    return sums(sums, less, types.intp), generate


@instruction
def to_codes(typing: Any, sums: Any, offset: Any, step: Any, low: Any, high: Any) -> Any:
    """Return clip(rint((sums - offset) / step), low, high), each operation rounded to float32."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        sums, offset, step, low, high = given
        value = as_kind(builder, sums, signature.args[0], FLOAT)
        value = builder.fdiv(builder.fsub(value, offset), step)
        value = call(builder, f"llvm.rint.v{LANES}f32", value.type, value)  # half to even
        for end, beyond in ((low, "<"), (high, ">")):
            ends = spread(builder, end)
            value = builder.select(builder.fcmp_ordered(beyond, value, ends), ends, value)
        return value

    real = Lanes(types.float32)
    return real(sums, real, real, types.float32, types.float32), generate


@instruction
def times(typing: Any, one: Any, other: Any) -> Any:
    """Return one times other, lane by lane, rounded."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.fmul(*given)

    return one(one, other), generate


def chosen(builder: Any, count: Any) -> Any:
    """Return of each lane whether it is one of the first so many."""
    numbers = ir.Constant(ir.VectorType(count.type, LANES), list(range(LANES)))
    return builder.icmp_signed("<", numbers, spread(builder, count))


@instruction
def first_lanes(typing: Any, lanes: Any, count: Any) -> Any:
    """Return the first so many lanes, with 0 behind them."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        lanes, count = given
        return builder.select(chosen(builder, count), lanes, ir.Constant(lanes.type, None))

    return lanes(lanes, types.intp), generate


@instruction
def digits(typing: Any, codes: Any, shift: Any, mask: Any) -> Any:
    """Return some bits of codes: shifted to the right, and masked."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        codes, shift, mask = given
        shifted = builder.lshr(codes, spread(builder, builder.trunc(shift, INT32)))
        return builder.and_(shifted, spread(builder, builder.trunc(mask, INT32)))

    return codes(codes, types.intp, types.intp), generate


@instruction
def to_kind(typing: Any, array: Any, lanes: Any) -> Any:
    """Return small whole numbers as the numbers of an array, int16 or float32."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = context.get_value_type(signature.return_type)
        real = isinstance(signature.return_type.dtype, types.Float)
        return (builder.sitofp if real else builder.trunc)(given[1], kind)

    return Lanes(array.dtype)(array, lanes), generate


def reduced(builder: Any, lanes: Any) -> Any:
    """Add all lanes of whole numbers."""
    total = call(builder, f"llvm.vector.reduce.add.v{LANES}i32", lanes.type.element, lanes)
    return builder.sext(total, ir.IntType(64))


@instruction
def sum_lanes(typing: Any, lanes: Any) -> Any:
    """Return the sum of all lanes."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return reduced(builder, given[0])

    return types.intp(lanes), generate


@instruction
def count_lanes(typing: Any, lanes: Any) -> Any:
    """Return how many lanes are not 0."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        (lanes,) = given
        there = builder.icmp_signed("!=", lanes, ir.Constant(lanes.type, None))
        return reduced(builder, builder.zext(there, lanes.type))

    return types.intp(lanes), generate

"""Convolution, compiled: sums in registers, of int32 or float32, in one order on every machine.

Maps lie flat in memory, row by row, with LANES more numbers behind the last one.
"""

from typing import Any, NamedTuple

import numpy as np

from neurobot.compiled import apart, part
from neurobot.qnet.conv import Conv
from neurobot.qnet.signals import Shape
from neurobot.qnet.vectors import (
    LANES,
    add_products,
    load_lanes,
    no_lanes,
    spread_number,
    store_lanes,
)

TOGETHER = 4  # neighbours of a row that share what is read of the weights


class Window(NamedTuple):
    """How windows move over a map, in places of flat memory."""

    height: int  # rows of the output map
    width: int  # columns of it
    channels: int  # channels of it
    groups: int
    given: int  # input channels of a group
    made: int  # output channels of a group
    rows: int  # rows of a window
    pieces: int  # pieces of a window's row that lie together in memory ...
    length: int  # ... and how long each of them is
    hop: int  # from one piece to the next
    pitch: int  # from one row of the input to the next
    down: int  # from one row of windows to the next
    right: int  # from one window to the next


@part
def sum_four(source: Any, weights: Any, target: Any, w: Window, y: int, x: int) -> None:
    """Sum four windows side by side, for all output channels."""
    k = 0
    for g in range(w.groups):
        corner = y * w.down + x * w.right + g * w.given
        for first in range(0, w.made, LANES):
            one = no_lanes(weights)
            two, three, four = one, one, one
            for i in range(w.rows):
                for j in range(w.pieces):
                    p = corner + i * w.pitch + j * w.hop
                    for _ in range(w.length):
                        lanes = load_lanes(weights, k)
                        one = add_products(one, lanes, spread_number(source, p))
                        two = add_products(two, lanes, spread_number(source, p + w.right))
                        three = add_products(three, lanes, spread_number(source, p + 2 * w.right))
                        four = add_products(four, lanes, spread_number(source, p + 3 * w.right))
                        k += LANES
                        p += 1
            place, count = (y * w.width + x) * w.channels + g * w.made + first, w.made - first
            store_lanes(target, place, one, count)
            store_lanes(target, place + w.channels, two, count)
            store_lanes(target, place + 2 * w.channels, three, count)
            store_lanes(target, place + 3 * w.channels, four, count)


@part
def sum_one(source: Any, weights: Any, target: Any, w: Window, y: int, x: int) -> None:
    """Sum one window, for all output channels."""
    k = 0
    for g in range(w.groups):
        corner = y * w.down + x * w.right + g * w.given
        for first in range(0, w.made, LANES):
            total = no_lanes(weights)
            for i in range(w.rows):
                for j in range(w.pieces):
                    p = corner + i * w.pitch + j * w.hop
                    for _ in range(w.length):
                        lanes, number = load_lanes(weights, k), spread_number(source, p)
                        total = add_products(total, lanes, number)
                        k += LANES
                        p += 1
            place, count = (y * w.width + x) * w.channels + g * w.made + first, w.made - first
            store_lanes(target, place, total, count)


@apart
def convolve(source: Any, weights: Any, target: Any, window: Window) -> None:
    """Sum weights times inputs over windows; the order of a sum is rows, columns, channels.

    weights: by group, by LANES output channels, then as a window is read, LANES together.
    """
    even = window.width // TOGETHER * TOGETHER
    for y in range(window.height):
        for x in range(0, even, TOGETHER):
            sum_four(source, weights, target, window, y, x)
        for x in range(even, window.width):
            sum_one(source, weights, target, window, y, x)


@apart
def convolve_apart(source: Any, weights: Any, target: Any, w: Window) -> None:
    """Sum windows where each output channel has an input channel of its own."""
    for y in range(w.height):
        for x in range(w.width):
            k = 0
            for first in range(0, w.channels, LANES):
                total = no_lanes(weights)
                for i in range(w.rows):
                    for j in range(w.pieces):
                        p = y * w.down + x * w.right + i * w.pitch + j * w.hop + first
                        lanes = load_lanes(weights, k)
                        total = add_products(total, lanes, load_lanes(source, p))
                        k += LANES
                place = (y * w.width + x) * w.channels + first
                store_lanes(target, place, total, w.channels - first)


def is_apart(conv: Conv) -> bool:
    """Whether each output channel has an input channel of its own, among several."""
    return 1 < conv.groups == len(conv.weights) and conv.weights.shape[3] == 1


def make_window(conv: Conv, padded: Shape, made: Shape) -> Window:
    """Return how the windows of a convolution move over a padded map."""
    given, pitch = conv.weights.shape[3], padded[1] * padded[2]
    rows, columns = conv.kernel
    together = conv.groups == 1
    return Window(
        height=made[0],
        width=made[1],
        channels=made[2],
        groups=conv.groups,
        given=given,
        made=made[2] // conv.groups,
        rows=rows,
        pieces=1 if together else columns,
        length=columns * given if together else given,
        hop=padded[2],
        pitch=pitch,
        down=conv.stride[0] * pitch,
        right=conv.stride[1] * padded[2],
    )


def lay_out(conv: Conv) -> Any:
    """Return the weights as the kernels read them, flat; 0 where the last lanes are not needed."""
    return arrange(conv, conv.weights if conv.real else conv.integers)


def arrange(conv: Conv, weights: Any) -> Any:
    """Return numbers of the shape of a convolution's weights in the order that kernels read."""
    out, *kernel, given = weights.shape
    groups = 1 if is_apart(conv) else conv.groups
    made = out // groups
    lanes = np.zeros((groups, -(-made // LANES) * LANES, *kernel, given), weights.dtype)
    lanes[:, :made] = weights.reshape(groups, made, *kernel, given)
    blocks = lanes.reshape(groups, -1, LANES, *kernel, given)
    return np.ascontiguousarray(blocks.transpose(0, 1, 3, 4, 5, 2)).ravel()

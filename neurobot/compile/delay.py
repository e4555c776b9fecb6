"""From space to time: one line of samples, and taps on it instead of a neuron for each place.

Nothing that is computed changes, only where: a convolution of kernel K x K on a map of pitch g
reads taps (i g line + j g) clocks apart on a line that all its neurons share, so that its
connections, once for each place of its output map, are there once. A dense layer is a convolution
whose window is the whole map. When each stage computes is said by `neurobot.tdnn.timing`.
"""

from dataclasses import replace

from neurobot.qnet.checks import MOST_VALUES, whole
from neurobot.tdnn.form import Clocking, Net
from neurobot.tdnn.timing import check_clocking


def delay(net: Net, line: int | None = None, lines: int | None = None) -> Net:
    """Return the network running in time, a sample per clock.

    line: clocks from one line's first sample to the next one's; lines: of a frame. What is not
    given stays as it is in time already, and is the image's width and height in space. Raises
    ValueError, with the layer's name, where some map has more samples than there are clocks.
    """
    rows, columns, _ = net.input_shape
    before = net.clocking or Clocking(columns, rows)
    clocking = Clocking(
        before.line if line is None else whole("line", line, 1, MOST_VALUES),
        before.lines if lines is None else whole("lines", lines, 1, MOST_VALUES),
    )
    check_clocking(net, clocking)
    return replace(net, clocking=clocking)

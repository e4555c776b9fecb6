"""Bars side by side, painted at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neurobot.demo.layout import Box
from neurobot.demo.pen import Pen
from neurobot.envs.drawing.canvas import Colour, pygame

Span = tuple[int, int]  # columns of a bar, from the left of its box


def spread(width: int, count: int) -> list[Span]:
    """Share a width among so many bars, with gaps where they are wide enough."""
    edges = np.rint(np.linspace(0, width, count + 1)).astype(int).tolist()
    gap = 1 if width >= 4 * count else 0
    return [(edges[k], max(edges[k + 1] - gap, edges[k] + 1)) for k in range(count)]


class Bars:
    """A box of bars: an image of few colours, of which the first is the ground."""

    def __init__(self, box: Box, spans: Sequence[Span]) -> None:
        self.box = box
        self.spans = spans
        self.codes = np.zeros((box.width, box.height), np.uint8)

    def top(self, share: float) -> int:
        """Return the row where a bar begins that takes such a share of the height."""
        return self.box.height - round(min(max(share, 0.0), 1.0) * self.box.height)

    def raise_to(self, shares: NDArray[np.float64], code: int) -> None:
        """Draw a bar for every share of the height, (n,)."""
        for (left, right), share in zip(self.spans, shares.tolist(), strict=True):
            self.codes[left:right, self.top(share) :] = code

    def mark_at(self, shares: NDArray[np.float64], code: int, thickness: int) -> None:
        """Draw a line across each bar's column at a share of the height, (n,)."""
        for (left, right), share in zip(self.spans, shares.tolist(), strict=True):
            y = min(self.top(share), self.box.height - thickness)
            self.codes[left:right, max(y, 0) : y + thickness] = code

    def paint(self, pen: Pen, *colours: Colour) -> None:
        """Paint everything in these colours, by their codes from 0 on."""
        surface = pygame.Surface(self.box[2:], 0, 8)
        surface.set_palette(colours)
        pygame.surfarray.blit_array(surface, self.codes)
        pen.canvas.blit(surface, self.box[:2])

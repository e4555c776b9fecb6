"""Where everything stands on a screen of some size. Pixels."""

from dataclasses import dataclass
from typing import NamedTuple

DESIGN = (1280, 720)  # all sizes below are meant for such a screen, and grow and shrink with it
MARGIN, HEADING, STRIP = 12, 32, 128
MOST_ARENA = 0.46  # of the screen's width


class Box(NamedTuple):
    """A rectangle."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column to the right of it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height

    def inset(self, pixels: int) -> "Box":
        """Leave so much out on every side."""
        return Box(
            self.x + pixels,
            self.y + pixels,
            max(self.width - 2 * pixels, 1),
            max(self.height - 2 * pixels, 1),
        )

    def split_top(self, height: int) -> tuple["Box", "Box"]:
        """Cut so many rows off at the top: (the top, the rest); neither is ever empty."""
        height = max(min(height, self.height - 1), 1)
        top = Box(self.x, self.y, self.width, height)
        return top, Box(self.x, self.y + height, self.width, max(self.height - height, 1))

    def split_left(self, width: int) -> tuple["Box", "Box"]:
        """Cut so many columns off on the left: (the left, the rest); neither is ever empty."""
        width = max(min(width, self.width - 1), 1)
        left = Box(self.x, self.y, width, self.height)
        return left, Box(self.x + width, self.y, max(self.width - width, 1), self.height)

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point lies inside."""
        return self.x <= point[0] < self.right and self.y <= point[1] < self.bottom


@dataclass(frozen=True)
class Layout:
    """The boxes of a screen."""

    unit: float  # how much larger than designed everything is
    arena: Box  # its heading included
    mind: Box
    meters: Box


def lay_out(size: tuple[int, int]) -> Layout:
    """Divide a screen of this size (width, height)."""
    width, height = size
    unit = min(width / DESIGN[0], height / DESIGN[1])
    margin, strip = max(round(MARGIN * unit), 1), round(STRIP * unit)
    upper = max(height - 3 * margin - strip, 1)
    arena = max(min(upper - round(HEADING * unit), round(MOST_ARENA * width)), 1)
    mind = max(width - 3 * margin - arena, 1)
    return Layout(
        unit=unit,
        arena=Box(margin, margin, arena, upper),
        mind=Box(2 * margin + arena, margin, mind, upper),
        meters=Box(margin, 2 * margin + upper, max(width - 2 * margin, 1), max(strip, 1)),
    )

"""Strokes and words in the demo's sizes and colours."""

from collections.abc import Sequence
from dataclasses import dataclass

from neurobot.demo.layout import Box
from neurobot.envs.drawing.canvas import Colour, pygame, write
from neurobot.envs.drawing.theme import Theme

LEAST_TEXT = 9
SIZES = {"small": 16, "normal": 18, "title": 21, "large": 30}


@dataclass(frozen=True)
class Pen:
    """A canvas, the colours to use on it, and how large everything is."""

    canvas: pygame.Surface
    theme: Theme
    unit: float

    def px(self, design: float) -> int:
        """Scale a length of the design; never to nothing."""
        return max(round(design * self.unit), 1)

    def text(
        self,
        words: str,
        anchor: str,
        at: tuple[float, float],
        *,
        size: str = "normal",
        colour: Colour | None = None,
        width: float | None = None,
    ) -> pygame.Rect:
        """Write words with their anchor at a point; what is wider than width is cut short."""
        height = max(round(SIZES[size] * self.unit), LEAST_TEXT)
        most = None if width is None else max(int(width), 1)
        chosen = self.theme.ink if colour is None else colour
        return write(self.canvas, words, anchor, at, chosen, height=height, width=most)

    def fill(self, box: Box | tuple[int, int, int, int], colour: Colour, round_px: int = 0) -> None:
        """Fill a box, if asked for with round corners."""
        if round_px:
            pygame.draw.rect(self.canvas, colour, pygame.Rect(*box), border_radius=round_px)
        else:
            self.canvas.fill(colour, box)

    def panel(self, box: Box) -> Box:
        """Paint the ground of a panel; return what is inside of its padding."""
        self.fill(box, self.theme.panel, self.px(8))
        return box.inset(self.px(10))

    def line(
        self, start: tuple[float, float], end: tuple[float, float], colour: Colour, width: int = 1
    ) -> None:
        """Draw a straight line."""
        pygame.draw.line(self.canvas, colour, start, end, width)

    def curve(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        """Draw a smooth line through points."""
        if len(points) > 1:
            pygame.draw.aalines(self.canvas, colour, False, points)

"""The wheel commands lately, as two lines."""

from collections.abc import Sequence

from neurobot.demo.layout import Box
from neurobot.demo.pen import Pen
from neurobot.demo.session import MOST_COMMANDS
from neurobot.envs.drawing.canvas import Colour

TITLE_PX = 24  # as designed


def paint_wheels(pen: Pen, box: Box, wheels: Sequence[tuple[float, float]]) -> None:
    """Paint the commands of both wheels, -1..1 from the bottom to the top, the newest at right."""
    head, field = box.split_top(pen.px(TITLE_PX))
    title = pen.text("wheel commands", "topleft", (head.x, head.y + pen.px(4)), size="small")
    pen.fill(field, pen.theme.floor)
    middle = field.y + field.height // 2
    pen.line((field.x, middle), (field.right - 1, middle), pen.theme.grid)
    x = title.right + pen.px(24)
    for k, (name, colour) in enumerate(
        (("left", pen.theme.accents[0]), ("right", pen.theme.accents[1]))
    ):
        swatch = Box(x, title.centery - pen.px(2), pen.px(18), pen.px(4))
        pen.fill(swatch, colour)
        label = (swatch.right + pen.px(6), title.y)
        x = pen.text(name, "topleft", label, size="small").right + pen.px(18)
        paint_line(pen, field, [each[k] for each in wheels], colour)


def paint_line(pen: Pen, field: Box, values: Sequence[float], colour: Colour) -> None:
    """Paint values -1..1 as a line that ends at the right."""
    step = (field.width - 3) / (MOST_COMMANDS - 1)
    half = field.height / 2 - pen.px(4)
    points = [
        (field.right - 2 - step * (len(values) - 1 - k), field.y + field.height / 2 - half * value)
        for k, value in enumerate(values)
    ]
    for offset in (0, 1):
        pen.curve([(x, y + offset) for x, y in points], colour)

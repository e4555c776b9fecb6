"""Frames shown in a window of their own, or turned into arrays."""

from neurobot.envs.drawing.canvas import Pixels, pygame, to_pixels
from neurobot.envs.drawing.screen import NoScreenError, open_screen
from neurobot.envs.drawing.world import WorldPainter
from neurobot.envs.frame import Frame


class Painter:
    """Paints frames into arrays, or into a window until somebody closes it."""

    def __init__(self, window: bool, size: tuple[int, int] = (720, 720)) -> None:
        self._size = size
        self._world = WorldPainter()
        self._clock = pygame.time.Clock()
        self.is_open = window
        if window:
            self._open()

    def _open(self) -> None:
        try:
            open_screen(self._size)
        except NoScreenError as problem:
            raise RuntimeError(
                f"render_mode='human' needs a screen, and there is none here ({problem}): "
                "use render_mode='rgb_array'"
            ) from problem

    def rgb(self, frame: Frame) -> Pixels:
        """Paint a frame into an array (rows, columns, 3)."""
        return to_pixels(self._world.paint(frame, self._size))

    def show(self, frame: Frame, fps: float) -> None:
        """Paint a frame into the window and wait for the next; does nothing once it is closed."""
        self._look_for_closing()
        if not self.is_open:
            return
        window = pygame.display.get_surface()
        window.blit(self._world.paint(frame, window.get_size()), (0, 0))
        pygame.display.flip()
        self._clock.tick(fps)

    def close(self) -> None:
        """Close the window, if there is one; closing twice is fine."""
        if self.is_open:
            pygame.display.quit()
        self.is_open = False

    def _look_for_closing(self) -> None:
        """Notice that somebody closed the window by its button, or shut pygame's display down."""
        if not self.is_open:
            return
        if pygame.display.get_surface() is None:
            self.is_open = False
        elif any(event.type == pygame.QUIT for event in pygame.event.get()):
            self.close()

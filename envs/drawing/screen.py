"""A window on the screen, if there is one."""

import os

from neurobot.envs.drawing.canvas import pygame
from neurobot.envs.drawing.view import Size


class NoScreenError(RuntimeError):
    """There is nowhere to open a window."""


def open_screen(size: Size) -> None:
    """Open a window that can be resized."""
    # By OpenGL, where that is done in software, a picture takes nine times as long to be shown.
    os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
    try:
        pygame.display.init()
        if pygame.display.get_driver() == "offscreen" and "SDL_VIDEODRIVER" not in os.environ:
            raise pygame.error("SDL found no window system")
        pygame.display.set_mode(size, pygame.RESIZABLE)
    except pygame.error as problem:
        pygame.display.quit()
        raise NoScreenError(str(problem)) from problem
    pygame.display.set_caption("neurobot")

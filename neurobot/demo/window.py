"""The demo in a window, until somebody closes it."""

from neurobot.demo.keys import ARROWS, QUIT, help_entries, press
from neurobot.demo.mouse import LEFT, Mouse
from neurobot.demo.player import Player
from neurobot.envs.drawing.canvas import pygame
from neurobot.envs.drawing.screen import NoScreenError, open_screen

FPS = 60
KEY_DELAY_MS, KEY_INTERVAL_MS = 350, 60  # until a key that is held repeats, and between
LONGEST_S = 0.1  # a picture that took longer does not make the robot leap


class Window:
    """Turns events into what a player does, and shows what it paints."""

    def __init__(self, player: Player) -> None:
        try:
            open_screen(player.size)
        except NoScreenError as problem:
            raise OSError(
                f"a window needs a screen, and there is none here ({problem}): use --headless"
            ) from problem
        pygame.key.set_repeat(KEY_DELAY_MS, KEY_INTERVAL_MS)
        player.help = help_entries()
        player.say("H shows what every key does")
        self.player = player
        self.mouse = Mouse(player)
        self.held: set[int] = set()  # keys
        self.clock = pygame.time.Clock()
        self.is_open = True

    def run(self, seconds: float | None = None) -> None:
        """Show until the window is closed, or for so long."""
        begun_ms = pygame.time.get_ticks()
        try:
            while self.is_open:
                self.turn()
                if seconds is not None and pygame.time.get_ticks() - begun_ms >= 1000 * seconds:
                    self.is_open = False
        finally:
            self.close()

    def turn(self) -> None:
        """Make one picture: obey what was pressed, let time pass, paint, wait."""
        for event in pygame.event.get():
            self.obey(event)
        if not self.is_open:
            return
        self.player.advance(self._elapsed_s())
        self.show()

    def show(self) -> None:
        """Paint a picture and put it on the screen."""
        canvas = self.player.paint()
        pygame.display.get_surface().blit(canvas, (0, 0))
        pygame.display.flip()

    def _elapsed_s(self) -> float:
        """Wait for the next picture; while a video is made, each is worth the same time."""
        elapsed_s = self.clock.tick(FPS) / 1000
        return 1 / FPS if self.player.recorder is not None else min(elapsed_s, LONGEST_S)

    def obey(self, event: pygame.event.Event) -> None:
        """Do what an event asks for."""
        if event.type == pygame.QUIT:
            self.is_open = False
        elif event.type == pygame.VIDEORESIZE:
            self.player.resize(event.size)
        elif event.type == pygame.KEYDOWN:
            self.key(event)
        elif event.type == pygame.KEYUP:
            self.held.discard(event.key)
            self.steer()
        elif event.type == pygame.MOUSEBUTTONDOWN:
            if not self.player.help_open:  # it covers what would be clicked on
                self.mouse.press(event.button, event.pos)
        elif event.type == pygame.MOUSEMOTION:
            self.mouse.move(event.pos)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == LEFT:
            self.mouse.release()

    def key(self, event: pygame.event.Event) -> None:
        """Do what a key does."""
        shift, again = bool(event.mod & pygame.KMOD_SHIFT), event.key in self.held
        self.held.add(event.key)
        if event.key in ARROWS:
            self.steer()
        elif event.key not in QUIT:
            press(self.player, event.key, shift=shift, again=again)
        elif self.player.help_open:
            self.player.toggle_help()
        elif not again:  # the press that closed the help closes no more
            self.is_open = False

    def steer(self) -> None:
        """Drive as the arrow keys that are held say."""
        pairs = [pair for code, pair in ARROWS.items() if code in self.held]
        self.player.steer(sum(forward for forward, _ in pairs), sum(left for _, left in pairs))

    def close(self) -> None:
        """Finish a video, and close the window."""
        self.player.stop_recording()
        pygame.display.quit()
        self.is_open = False

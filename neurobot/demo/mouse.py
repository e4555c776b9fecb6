"""What the mouse does: grab, add and remove obstacles, and move the goal."""

from collections.abc import Callable
from typing import TypeAlias

from neurobot.demo import meddling
from neurobot.demo.player import Player

LEFT, RIGHT = 1, 3  # pygame's numbers of the buttons
SLACK_PX = 6.0  # how far beside a small thing one may click

Drag: TypeAlias = Callable[[float, float], None]


class Mouse:
    """Remembers what is held."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.drag: Drag | None = None
        self.trial = player.session.trial  # the one in which something is held

    def _point(self, at: tuple[int, int]) -> tuple[float, float, float] | None:
        player = self.player
        return player.stage.to_world(player.size, player.session.frame(), at)

    def press(self, button: int, at: tuple[int, int]) -> None:
        """Grab, add or remove what is below the pointer."""
        point = self._point(at)
        if point is None or self.player.session.trial.ended:
            return
        self.trial = self.player.session.trial
        x, y, metres_per_px = point
        slack_m = SLACK_PX * metres_per_px
        if button == LEFT:
            self.player.attempt(lambda: self._take(x, y, slack_m))
        elif button == RIGHT:
            self.player.attempt(lambda: self._remove(x, y, slack_m))

    def _take(self, x: float, y: float, slack_m: float) -> None:
        session = self.player.session
        k = meddling.find_disc(session, x, y, slack_m)
        if k is None and meddling.is_at_goal(session, x, y, slack_m):
            self.drag = lambda x, y: meddling.move_goal(session, x, y)
            return
        if k is None:
            k = meddling.add_disc(session, x, y)
        disc = session.after.discs[k]
        held, dx, dy = k, float(disc[0]) - x, float(disc[1]) - y
        self.drag = lambda x, y: meddling.move_disc(session, held, x + dx, y + dy)

    def _remove(self, x: float, y: float, slack_m: float) -> None:
        k = meddling.find_disc(self.player.session, x, y, slack_m)
        if k is None:
            raise meddling.RefusedError("there is no round obstacle")
        meddling.remove_disc(self.player.session, k)
        self.drag = None

    def move(self, at: tuple[int, int]) -> None:
        """Drag what is held."""
        point = self._point(at) if self.drag else None
        if point is None or self.drag is None:
            return
        trial = self.player.session.trial
        if trial.ended or trial is not self.trial:
            self.release()
            return
        self.drag(point[0], point[1])

    def release(self) -> None:
        """Let go."""
        self.drag = None

"""The demo without a window: for servers, for recordings, for CI."""

from neurobot.demo.player import Player

FPS = 30  # pictures a second while nothing is recorded
AFTER_END_S = 1.0  # a video goes on for so long after the end of its only episode


def run_headless(player: Player, seconds: float | None) -> None:
    """Play for so long, or one episode, and paint only what is recorded."""
    frame_s = player.recorder.frame_s if player.recorder else 1 / FPS
    passed_s = 0.0
    try:
        while not is_done(player, seconds, passed_s):
            player.advance(frame_s)
            passed_s += frame_s
            if player.recorder is not None:
                player.paint()
    finally:
        player.stop_recording()


def is_done(player: Player, seconds: float | None, passed_s: float) -> bool:
    """Whether everything has been shown that was asked for."""
    if player.record_error is not None:
        raise player.record_error
    if seconds is not None:
        return passed_s >= seconds - 1e-9
    return player.session.over and (player.recorder is None or player.ended_s >= AFTER_END_S)

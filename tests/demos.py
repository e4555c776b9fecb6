"""Sessions of the demo, for its tests."""

import gc
import re
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from neurobot.cost import COST_TABLES
from neurobot.demo.player import Options, Player
from neurobot.demo.session import Session
from neurobot.episodes import ENVS, Job, Record, options_for
from neurobot.evaluation import evaluate
from neurobot.loop import Episode, Timing

AVOIDANCE, NAVIGATION = ENVS
SMALL = (640, 360)


def begin(
    controller: str = "poppins",
    scenario: str = "forest",
    *,
    env: str = NAVIGATION,
    seed: int = 0,
    timing: Timing | None = None,
    prices: str = "paper",
    **options: Any,
) -> Session:
    """Begin an episode of the demo."""
    kept = options_for(controller, options)
    job = Job(controller, env, scenario, 0, seed, timing or Timing(), kept)
    return Session(job, COST_TABLES[prices])


def evaluated(session: Session, episodes: int = 1, **more: Any) -> list[Record]:
    """Run the session's episode, and those that follow it, without a demo."""
    job, timing = session.job, session.job.timing
    return evaluate(
        job.controller,
        env=job.env,
        scenario=job.scenario,
        seed=job.seed,
        episodes=episodes,
        clock_hz=timing.clock_hz,
        late=timing.late,
        instant=timing.instant,
        **{**dict(job.options), **more},
    )


def finish(session: Session) -> Episode:
    """Play an episode to its end."""
    while not session.over:
        session.advance(1.0)
    return session.episode()


def bare(record: Record) -> Episode:
    """Return what happened, without what it was."""
    return Episode(**{field.name: getattr(record, field.name) for field in fields(Episode)})


def play(session: Session, size: tuple[int, int] = SMALL, **options: Any) -> Player:
    """Put a session into a player."""
    return Player(session, size, Options(**options))


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    """Read a film back, picture by picture (rows, columns, 3)."""
    if path.suffix == ".gif":
        with Image.open(path) as film:
            return [np.asarray(picture.convert("RGB")) for picture in ImageSequence.Iterator(film)]
    # Not by imageio: its reader leaves pipes open, and that is a warning, later and elsewhere.
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-fps_mode", "passthrough"]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True
    )
    size = re.search(rb"Video:.* (\d+)x(\d+)", raw.stderr)
    assert size, raw.stderr.decode()
    shape = (-1, int(size[2]), int(size[1]), 3)
    return list(np.frombuffer(raw.stdout, np.uint8).reshape(shape))


@contextmanager
def dying_encoder() -> Iterator[None]:
    """Do something in which ffmpeg dies: imageio-ffmpeg leaves its pipe open then."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()

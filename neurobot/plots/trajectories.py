"""What a picture of trajectories shows: worlds, and who drove where in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neurobot.envs.scene import Scene
from neurobot.envs.world import Floats
from neurobot.episodes import name_world
from neurobot.loop import Episode, Trial
from neurobot.plots.episodes import Course, begin


@dataclass(frozen=True)
class Track:
    """One controller's way through a world."""

    controller: str
    poses: Floats  # (steps + 1, 3) x, y, heading
    episode: Episode


@dataclass(frozen=True)
class Panel:
    """One world, and the tracks in it."""

    label: str
    scene: Scene  # at the start
    goal: tuple[float, float] | None
    tracks: tuple[Track, ...]


def follow(controller: str, trial: Trial) -> Track:
    """Drive an episode to its end."""
    poses = [trial.info["pose"]]
    while not trial.ended:
        trial.step()
        poses.append(trial.info["pose"])
    return Track(controller, np.array(poses), trial.episode())


def drive_panel(course: Course, controllers: Sequence[str], episode: int) -> Panel:
    """Let all controllers drive one episode."""
    tracks = []
    for name in controllers:
        trial = begin(course.job(name, episode))
        tracks.append(follow(name, trial))
    env = trial.env.unwrapped
    return Panel(
        name_world(course.job(controllers[0], episode), env.batch),
        env.scene,
        env.scene.goal if env.has_goal else None,
        tuple(tracks),
    )


def drive_panels(
    course: Course,
    controllers: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Panel]:
    """Let all controllers drive all episodes; progress: called with those done, and all."""
    course.check(controllers)
    panels = []
    for episode in range(course.episodes):
        panels.append(drive_panel(course, controllers, episode))
        progress(episode + 1, course.episodes)
    return panels


def loops(outlines: Floats) -> list[Floats]:
    """Join edges (E, 4), each of which begins where another ends, to closed loops (n, 2)."""
    leaving: dict[tuple[float, float], list[int]] = {}
    for k, (x, y) in enumerate(outlines[:, :2].tolist()):
        leaving.setdefault((x, y), []).append(k)
    found = []
    for start in list(leaving):
        while leaving[start]:
            corners, at = [start], start
            while True:
                x, y = outlines[leaving[at].pop(), 2:].tolist()
                at = (x, y)
                if at == start:
                    break
                corners.append(at)
            found.append(np.array(corners))
    return found

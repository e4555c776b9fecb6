"""Time the demo: pictures a second of whole screens, simulation, trace and drawing included.

python scripts/bench_demo.py [--seconds S] [--rounds N]

Everything runs on one core (where the system can pin a process to one), in a window if there is a
display, else on SDL's dummy screen. A round drives on through the same episodes; the table gives
the median and the slowest of the rounds, and the median beside 60 pictures a second.
"""

import argparse
import os
import platform
import statistics
import time

import numpy as np
from rich.console import Console

import neurobot
from neurobot.cli.terminal import make_table
from neurobot.cost import COST_TABLES
from neurobot.episodes import ENVS, Job, options_for

WANTED_FPS = 60
SIZES = ((1280, 720), (1920, 1080))
# Controller, scenario, theme.
SCREENS = (
    ("poppins", "forest", "dark"),
    ("poppins", "forest", "light"),
    ("poppins", "crossing", "dark"),
    ("poppins", "barn", "dark"),
    ("camera", "forest", "dark"),
)


def pin_to_one_core() -> str:
    """Keep this process on one core; say what came of it."""
    if not hasattr(os, "sched_setaffinity"):
        return "cores not pinned"
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return "one core"


def open_screen(controller: str, scenario: str, theme: str, size: tuple[int, int]) -> object:
    """Open a window on an episode."""
    from neurobot.demo.player import Options, Player
    from neurobot.demo.session import Session
    from neurobot.demo.window import Window

    job = Job(controller, ENVS[1], scenario, 0, 0, options=options_for(controller, {}))
    session = Session(job, COST_TABLES["paper"])
    return Window(Player(session, size, Options(theme=theme)))


def pictures_per_second(window: object, seconds: float) -> float:
    """Show pictures for so long, each 1/60 s of the robot's time after the one before."""
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        window.player.advance(1 / WANTED_FPS)  # type: ignore[attr-defined]
        window.show()  # type: ignore[attr-defined]
        count += 1
    return count / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if "DISPLAY" not in os.environ and platform.system() == "Linux":
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    cores = pin_to_one_core()
    table = make_table("screen", "size", "median /s", "slowest /s", "beside 60 /s")
    for size in SIZES:
        for screen in SCREENS:
            window = open_screen(*screen, size)
            pictures_per_second(window, 0.5)
            rates = [pictures_per_second(window, options.seconds) for _ in range(options.rounds)]
            window.close()  # type: ignore[attr-defined]
            median = statistics.median(rates)
            figures = (f"{median:.0f}", f"{min(rates):.0f}", f"{median / WANTED_FPS:.2f} x")
            table.add_row(", ".join(screen), "x".join(map(str, size)), *figures)
    console = Console()
    console.print(f"neurobot {neurobot.__version__}, NumPy {np.__version__}, {cores}, seed 0")
    console.print(table)


if __name__ == "__main__":
    main()

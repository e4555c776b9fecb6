"""Controllers of a user's own, for tests of `package.module:Class`."""

import ctypes
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from neurobot.events import Counts, Events


class Straight:
    """The least that a controller needs."""

    def reset(self, seed: int) -> None: ...

    def act(self, observation: Any) -> list[float]:
        return [0.4, 0.4]


class Broken:
    """Divides by zero in its third decision."""

    def reset(self, seed: int) -> None:
        self.left = 3

    def act(self, observation: Any) -> list[float]:
        self.left -= 1
        return [0.1 / self.left, 0.1]


class NotANumber(Straight):
    def act(self, observation: Any) -> list[float]:
        return [0.4, float("nan")]


class WrongShape(Straight):
    def act(self, observation: Any) -> Any:
        return np.zeros(3)


class Impatient(Straight):
    """Presses Ctrl-C at the start of the third episode, unless told that it may go on."""

    def reset(self, seed: int) -> None:
        if seed % 10 == 2 and "NEUROBOT_TEST_GO_ON" not in os.environ:
            os.kill(os.getppid(), signal.SIGINT)


class Mindless:
    """Lacks act()."""

    def reset(self, seed: int) -> None: ...


@dataclass(frozen=True)
class Abacus(Counts):
    """Counts of a chip of a user's own."""

    chip: ClassVar[str] = "abacus"
    cycles: int = 0
    beads: int = 0


class Shopkeeper:
    """Drive straight on, and count on an abacus."""

    clock_hz = 1000.0

    def reset(self, seed: int) -> None: ...

    def act(self, observation: Any) -> list[float]:
        self.events = Abacus(cycles=20, beads=7)
        return [0.4, 0.4]


class Turncoat(Shopkeeper):
    """Counts as another chip from its second decision on."""

    def __init__(self) -> None:
        self.done = 0

    def act(self, observation: Any) -> list[float]:
        self.done += 1
        self.events: Any = Events(cycles=1) if self.done > 1 else Abacus(cycles=1)
        return [0.4, 0.4]


class Late(Straight):
    """Does something else than deciding in its third decision of episode 1."""

    def reset(self, seed: int) -> None:
        self.left = 3 if seed == 1 else 10**9

    def act(self, observation: Any) -> list[float]:
        self.left -= 1
        if not self.left:
            self.stop()
        return [0.4, 0.4]

    def stop(self) -> None: ...


class Sleeper(Late):
    def stop(self) -> None:
        time.sleep(1e6)


def lock_twice(library: Any) -> None:
    """Wait for ever, in native code that no signal brings back."""
    mutex = ctypes.create_string_buffer(256)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)


class Deaf(Late):
    """Lets other threads run while it waits."""

    def stop(self) -> None:
        lock_twice(ctypes.CDLL(None))


class Stuck(Late):
    """Lets no other thread run while it waits."""

    def stop(self) -> None:
        lock_twice(ctypes.PyDLL(None))


class Quitter(Late):
    def stop(self) -> None:
        os._exit(3)


class Crasher(Late):
    def stop(self) -> None:
        ctypes.string_at(0)


class Diarist(Straight):
    """Takes its time, and writes down which process begins an episode; waits until two have."""

    def reset(self, seed: int) -> None:
        diary = Path(os.environ["NEUROBOT_TEST_DIARY"])
        with diary.open("a") as page:
            page.write(f"{os.getpid()}\n")
        while len(set(diary.read_text().split())) < 2:
            time.sleep(0.01)

    def act(self, observation: Any) -> list[float]:
        time.sleep(0.01)
        return [0.4, 0.4]


class Unlucky(Late):
    """Dies once: whoever runs the episode again finds it well."""

    def stop(self) -> None:
        mark = Path(os.environ["NEUROBOT_TEST_DIARY"])
        if not mark.exists():
            mark.touch()
            os._exit(4)

"""How a command ends before its work is done, and what it says then."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from neurobot.writing import ADVICE, FULL, advice

FAULTY, WRONG = 1, 2  # statuses: of what went wrong on the way, and of what cannot be asked for
BY_SIGNAL = 128  # and the signal's number: the shell's status of a program that it ended
SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, which end a command as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def terminable() -> Iterator[None]:
    """Hear SIGTERM and SIGHUP, but for those that are ignored, as under nohup.

    A second one ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def terminate(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        came.append(number)
        raise Terminated(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, terminate)
    try:
        yield
    except KeyboardInterrupt as error:  # Ray raises one of its own instead
        raise Terminated(came[0]) if came else error from None
    finally:
        for number in heard:
            signal.signal(number, before[number])


def say(command: str, sentence: str) -> None:
    """Write one line to standard error, where that is possible."""
    line = " ".join(sentence.split("\n"))
    with suppress(OSError):
        print(f"neurobot {command}: {line}", file=sys.stderr)


def interrupted(args: argparse.Namespace, command: str, error: KeyboardInterrupt) -> int:
    """Say what stays of a command's work, and return its status."""
    number = error.number if isinstance(error, Terminated) else signal.SIGINT
    how = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    kept = ""
    if getattr(args, "resumes", False):
        kept = "; nothing is kept without --out DIR"
        if args.out:
            kept = f"; what is done stays in {args.out}; the same command goes on from there"
    say(command, f"{how}{kept}")
    return BY_SIGNAL + number


def is_deaf() -> bool:
    """Whether standard output does not take what is printed; if so, nothing is from now on."""
    try:
        print(flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # the interpreter flushes again at its end
        return True
    return False


def failed(command: str, error: OSError) -> int:
    """Say what the system refused, and return the command's status."""
    place = error.filename
    unsaid = place is None and (error.errno in FULL or isinstance(error, BrokenPipeError))
    if unsaid and is_deaf():
        place = "standard output"
        if isinstance(error, BrokenPipeError):  # as in `neurobot list | head -1`
            return BY_SIGNAL + signal.SIGPIPE
    known = f"{place}: {advice(error)}" if place else advice(error)
    say(command, known if error.errno in ADVICE else str(error))
    return FAULTY if error.errno in FULL else WRONG

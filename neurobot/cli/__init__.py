"""The command line. Each command has a module of its own."""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor

import gymnasium as gym

from neurobot import __version__
from neurobot.cli import (
    chip,
    cim,
    compiler,
    demo,
    evaluate,
    export,
    faults,
    fit,
    listing,
    merge,
    plot,
    report,
    train,
    validate,
    verify,
)
from neurobot.cli.endings import FAULTY, WRONG, failed, interrupted, say, terminable
from neurobot.databases import PausedError
from neurobot.engine.workers import EngineError
from neurobot.loop import ControllerError

COMMANDS = (
    evaluate,
    faults,
    report,
    verify,
    merge,
    export,
    demo,
    plot,
    fit,
    train,
    compiler,
    chip,
    cim,
    validate,
    listing,
)


def parser() -> argparse.ArgumentParser:
    """Declare every command."""
    top = argparse.ArgumentParser(
        prog="neurobot",
        description="Which low-power brain drives a robot best, and what each decision costs.",
    )
    top.add_argument("--version", action="version", version=f"neurobot {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_command(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; what a user can get wrong ends in one sentence and status 2.

    What goes wrong on the way has status 1; for signals see `endings`.
    """
    args = parser().parse_args(arguments)
    command: str = args.command
    try:
        with terminable():
            status: int | None = args.function(args)
            sys.stdout.flush()
    except OSError as error:
        return failed(command, error)
    except PausedError as error:
        say(command, str(error))
        return FAULTY
    except (ValueError, ImportError, ControllerError, gym.error.Error) as error:
        say(command, str(error))
        return WRONG
    except (EngineError, BrokenExecutor) as error:
        died = "a worker process died: " if isinstance(error, BrokenExecutor) else ""
        say(command, f"{died}{error}")
        return FAULTY
    except KeyboardInterrupt as error:
        return interrupted(args, command, error)
    return status or 0

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
    fit,
    listing,
    merge,
    plot,
    report,
    train,
    validate,
    verify,
)
from neurobot.engine.workers import EngineError
from neurobot.loop import ControllerError

COMMANDS = (
    evaluate,
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
INTERRUPTED = 130  # the shell's status of a program ended by Ctrl-C


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
    """Run a command; what a user can get wrong ends in one sentence and status 2."""
    args = parser().parse_args(arguments)
    try:
        status: int | None = args.function(args)
    except (ValueError, OSError, ImportError, ControllerError, gym.error.Error) as error:
        sentence = " ".join(str(error).split("\n"))
        print(f"neurobot {args.command}: {sentence}", file=sys.stderr)
        return 2
    except EngineError as error:
        print(f"neurobot {args.command}: {error}", file=sys.stderr)
        return 1
    except BrokenExecutor as error:
        print(f"neurobot {args.command}: a worker process died: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = ""
        if args.command in ("evaluate", "fit", "train", "compile"):
            kept = "; nothing is kept without --out DIR"
            if args.out:
                kept = f"; what is done stays in {args.out}; the same command goes on from there"
        print(f"neurobot {args.command}: interrupted{kept}", file=sys.stderr)
        return INTERRUPTED
    return status or 0

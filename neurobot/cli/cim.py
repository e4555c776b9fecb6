"""`neurobot cim`: networks on arrays of memory cells with low-precision converters."""

from typing import Any

from neurobot.cli import cim_macros, cim_report, cim_vary

ACTIONS = (cim_report, cim_vary, cim_macros)


def add_command(commands: Any) -> None:
    """Declare the command and its actions."""
    options = commands.add_parser("cim", help="networks on arrays of memory cells that compute")
    actions = options.add_subparsers(required=True, metavar="ACTION")
    for action in ACTIONS:
        action.add_action(actions)

"""With what a run is made: versions, machine, command."""

import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neurobot.version import __version__

PACKAGES = ("gymnasium", "numba", "numpy", "scipy")


def provenance() -> dict[str, Any]:
    """Say with what a run is made, as plain values."""
    return {
        "neurobot": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }

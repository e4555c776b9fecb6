"""Where the real data files are, which do not travel with the code."""

import os
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1].parent / "shared" / "data"


def nav_worlds() -> Path:
    """Folder of the navigation worlds; a test that asks for it is skipped where it is absent."""
    folder = Path(os.environ.get("NEUROBOT_DATA", DATA)) / "nav_worlds"
    if not folder.is_dir():
        pytest.skip(f"no navigation worlds in {folder}; NEUROBOT_DATA may name the data folder")
    return folder

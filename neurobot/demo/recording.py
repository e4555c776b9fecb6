"""Videos and pictures of the demo, written by imageio."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMATS = {".mp4": 30, ".gif": 20}  # pictures a second
INSTALL = "recording needs imageio: pip install 'neurobot[record]'"

Pixels = NDArray[np.uint8]


def check_target(path: Path) -> None:
    """Refuse a file that could not be written, before anything runs."""
    if path.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"--record {path}: unknown format {path.suffix!r}; known: {known}")
    if path.is_dir():
        raise ValueError(f"--record {path}: that is a folder; a file is needed")
    if not path.parent.is_dir():
        raise ValueError(f"--record {path}: there is no folder {path.parent}")


def load_imageio() -> Any:
    """Load imageio when it is needed."""
    try:
        import imageio.v2 as imageio
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(INSTALL) from missing
    return imageio


def open_writer(imageio: Any, path: Path) -> Any:
    """Open a file for so many pictures as will come."""
    fps = FORMATS[path.suffix.lower()]
    if path.suffix.lower() == ".gif":
        return imageio.get_writer(path, mode="I", duration=1000 / fps, loop=0, subrectangles=True)
    try:
        return imageio.get_writer(
            path, format="FFMPEG", fps=fps, codec="libx264", quality=8, macro_block_size=2
        )
    except ImportError as missing:
        raise ModuleNotFoundError(INSTALL) from missing


class Recorder:
    """Writes a picture every so often until it is closed."""

    def __init__(self, path: Path) -> None:
        check_target(path)
        self.path = path
        self.frame_s = 1 / FORMATS[path.suffix.lower()]
        self.pictures = 0
        imageio = load_imageio()  # before anything happens to the file
        with path.open("ab"):  # imageio's own message about a file that cannot be written is long
            pass
        self.writer = open_writer(imageio, path)

    def add(self, pixels: Pixels) -> None:
        """Write a picture (rows, columns, 3)."""
        height, width = (side // 2 * 2 for side in pixels.shape[:2])  # video codecs need even ones
        self.writer.append_data(pixels[:height, :width])
        self.pictures += 1

    def close(self) -> None:
        """Finish the file; closing twice is fine."""
        if self.writer is not None:
            self.writer.close()
        self.writer = None


def save_png(path: Path, pixels: Pixels) -> None:
    """Write one picture."""
    from PIL import Image

    Image.fromarray(pixels).save(path)


def free_path(stem: str, suffix: str, exists: Callable[[Path], bool] = Path.exists) -> Path:
    """Return a file's path in the working folder that is not taken yet."""
    k = 1
    while exists(path := Path(f"{stem}-{k}{suffix}")):
        k += 1
    return path

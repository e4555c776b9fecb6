"""Videos and pictures of the demo. Videos go through imageio's ffmpeg, a picture at a time."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.demo.interrupts import undisturbed
from neurobot.writing import whole

FORMATS = {".mp4": 30.0, ".gif": 12.5}  # pictures a second
INSTALL = "recording needs imageio-ffmpeg: pip install 'neurobot[record]'"
# The best colours for each picture anew: nothing waits for the end of the film.
GIF_FILTER = (
    "split[a][b];[a]palettegen=stats_mode=single:max_colors=64[p];"
    "[b][p]paletteuse=new=1:dither=none"
)
CODECS: dict[str, dict[str, Any]] = {
    ".mp4": {"codec": "libx264", "quality": 8},
    ".gif": {
        "codec": "gif",
        "pix_fmt_out": "pal8",
        "quality": None,
        "output_params": ["-filter_complex", GIF_FILTER],
    },
}

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
    place = path if path.exists() else path.parent
    if not os.access(place, os.W_OK):
        raise ValueError(f"--record {path}: {place} found, which cannot be written")


def open_writer(path: Path, size: tuple[int, int], fps: float) -> Any:
    """Start a film: what is sent to it are pictures of this size (width, height)."""
    try:
        import imageio_ffmpeg  # loaded when it is needed
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(INSTALL) from missing
    writer = imageio_ffmpeg.write_frames(
        path,
        size,
        fps=fps,
        macro_block_size=1,
        ffmpeg_log_level="quiet",
        **CODECS[path.suffix.lower()],
    )
    try:
        writer.send(None)
    except (OSError, RuntimeError) as error:
        raise OSError(f"recording needs ffmpeg, which did not start: {error}") from error
    return writer


class Recorder:
    """Writes pictures of one size until it is closed; only then the file has its name."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        check_target(path)
        self.path = path
        fps = FORMATS[path.suffix.lower()]
        self.frame_s = 1 / fps
        self.size = (size[0] // 2 * 2, size[1] // 2 * 2)  # video codecs need even sides
        if 0 in self.size:
            raise ValueError(f"--record {path}: a screen of {size[0]}x{size[1]} is too small")
        self.pictures = 0
        self.unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
        self.writer = open_writer(self.unfinished, self.size, fps)

    def add(self, pixels: Pixels) -> None:
        """Write a picture (rows, columns, 3)."""
        width, height = self.size
        with undisturbed():  # amid a picture Ctrl-C would end the encoder, and spoil the film
            try:
                self.writer.send(np.ascontiguousarray(pixels[:height, :width]))
            except (OSError, StopIteration) as error:
                self.discard()
                problem = f"{self.path}: the video cannot be written; is the disk full?"
                raise OSError(problem) from error
            self.pictures += 1

    def close(self) -> None:
        """Finish the film and give the file its name; a film without pictures leaves none."""
        self.writer.close()
        if self.pictures:
            self.unfinished.replace(self.path)
        else:
            self.discard()

    def discard(self) -> None:
        """Leave nothing behind."""
        self.writer.close()
        self.unfinished.unlink(missing_ok=True)


def save_png(path: Path, pixels: Pixels) -> None:
    """Write one picture."""
    from PIL import Image

    with whole(path) as draft:
        Image.fromarray(pixels).save(draft)


def free_path(stem: str, suffix: str) -> Path:
    """Return a file's path in the working folder that is not taken yet."""
    k = 1
    while (path := Path(f"{stem}-{k}{suffix}")).exists():
        k += 1
    return path

"""Random crops and flips, as pure functions of a NumPy generator. Images are uint8 (N, H, W, C)."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Images = NDArray[np.uint8]
Augment = Callable[[Images, np.random.Generator], Images]
Box = tuple[int, int, int, int]  # left, upper, right, lower, pixels

BORDER = 4  # black pixels on each side before a crop, as usual for CIFAR (He et al., 2016)
SHIFT = 2  # the same, for digits
AREA = (0.08, 1.0)  # share of the image that a random crop keeps (Szegedy et al., 2015)
RATIO = (3 / 4, 4 / 3)  # its width over its height
TRIES = 10  # random shapes before the centre is taken instead


def unchanged(images: Images, generator: np.random.Generator) -> Images:
    """Return the images as they are."""
    return images


def crop(images: Images, generator: np.random.Generator, border: int, *, mirrored: bool) -> Images:
    """Shift each image by up to `border` pixels each way; then mirror about every second one."""
    count, height, width, _ = images.shape
    margin = (border, border)
    padded = np.pad(images, ((0, 0), margin, margin, (0, 0)))
    top, left = generator.integers(0, 2 * border + 1, (2, count, 1))
    rows = top + np.arange(height)
    columns = left + np.arange(width)
    if mirrored:
        turned = generator.integers(0, 2, (count, 1)) == 1
        columns = np.where(turned, columns[:, ::-1], columns)
    cropped: Images = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None]]
    return cropped


def crop_and_flip(images: Images, generator: np.random.Generator) -> Images:
    """Shift each image by up to BORDER pixels each way, then mirror every second one or so."""
    return crop(images, generator, BORDER, mirrored=True)


def shift(images: Images, generator: np.random.Generator) -> Images:
    """Shift each image by up to SHIFT pixels each way."""
    return crop(images, generator, SHIFT, mirrored=False)


def random_box(width: int, height: int, generator: np.random.Generator) -> Box:
    """Choose a part of an image by AREA and RATIO; its middle square where ten tries do not fit."""
    for _ in range(TRIES):
        area = width * height * generator.uniform(AREA[0], AREA[1])
        ratio = math.exp(generator.uniform(math.log(RATIO[0]), math.log(RATIO[1])))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            left = int(generator.integers(0, width - wide + 1))
            upper = int(generator.integers(0, height - high + 1))
            return left, upper, left + wide, upper + high
    return middle_box(width, height, min(width, height))


def middle_box(width: int, height: int, side: int) -> Box:
    """Return the square in the middle of an image."""
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def random_view(image: Image.Image, side: int, generator: np.random.Generator) -> Images:
    """Return a random part of an image, scaled to a square and perhaps mirrored, (H, W, C)."""
    box = random_box(*image.size, generator)
    view = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box), np.uint8)
    return view[:, ::-1] if generator.integers(0, 2) else view


def middle_view(image: Image.Image, side: int) -> Images:
    """Return the middle of an image whose shorter side is scaled to 8/7 of `side`, (H, W, C)."""
    shorter = side * 8 // 7
    scale = shorter / min(image.size)
    width, height = (max(shorter, round(scale * length)) for length in image.size)
    scaled = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(scaled.crop(middle_box(width, height, side)), np.uint8)


AUGMENTATIONS: dict[str, Augment] = {
    "none": unchanged,
    "shift": shift,
    "crop_and_flip": crop_and_flip,
}

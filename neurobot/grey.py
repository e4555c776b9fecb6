"""The greys of a camera's picture; obstacles darken as they come nearer."""

from neurobot.compiled import kernel

SKY, FLOOR, NEAR_GREY, FAR_GREY = 230.0, 120.0, 20.0, 200.0


@kernel
def shade(distance_m: float, range_m: float) -> float:
    """Grey of an obstacle, NEAR_GREY at the camera to FAR_GREY at the end of its range."""
    return NEAR_GREY + (FAR_GREY - NEAR_GREY) * distance_m / range_m

"""A frame-based mind: a small network of integers between a camera's picture and the wheels.

Its weights are set by hand, not trained. Its layers, from the picture to the choice:

1. nearness (rows / 2, columns): how much darker than the farthest obstacle a pixel above the
   horizon is; the sky is brighter, and becomes 0;
2. columns (columns,): max pooling of each column;
3. bands (BANDS, columns): 1 in the band of distances in which a column's obstacle stands, the
   farthest on top: a view from above;
4. danger (CORRIDORS, HEADINGS): convolution of the bands with corridors of the robot's width, as
   wide as they look from so far away: the columns that stand in the way, counted;
5. brake (columns,): how much speed each column takes away, in 1/255;
6. votes (HEADINGS,): the wish (to the goal, straight ahead, to the last heading) along each
   heading, less a price for each corridor in which something stands.

The highest vote wins, the leftmost of equals. The camera does not see the robot's flanks, so it
turns slowly; where even the narrowest corridors are closed it turns on the spot, to the side to
which it turned last (at first, left).
"""

import math
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers.wheels import unit_vectors, wheel_commands
from neurobot.grey import FAR_GREY, shade
from neurobot.loop import Body, Observation

Array = NDArray[np.integer]
Floats = NDArray[np.float64]

STEP_RAD = math.radians(2.4)
HEADINGS = 49  # the leftmost first, STEP_RAD apart
AHEAD = HEADINGS // 2
BANDS = 16  # of distance; they grow with it
NEAREST_M, FARTHEST_M = 0.35, 3.6  # far ends of the first band and of the last one
# Margin beside the robot (m), how far a corridor must then be free (m).
CORRIDORS = ((0.36, 3.4), (0.28, 2.6), (0.2, 1.7), (0.14, 1.0))
UNIT = 1024  # stands for 1 in wishes and votes
TO_GOAL, TO_AHEAD, TO_LAST = 5, 2, 2  # weights of the wish
PRICES = UNIT * np.array([[1], [1], [1], [1000]])  # of corridors; the last closes a heading
TURN_GAIN = 3.0  # yaw rate per heading, 1/s
BRAKE_M = 0.87  # with so much room ahead the robot drives at full speed
GAP_M = 0.045  # it stops so near
CREEP = 0.26  # share of full speed kept in narrow places


class Weights(NamedTuple):
    """The network's weights for one robot and one camera, and where its headings point."""

    band_of: Array  # (256,) by nearness: 0 is beyond the bands, then the farthest first
    corridors: Array  # (1 + BANDS, columns, CORRIDORS, HEADINGS) 0 or 1
    brakes: Array  # (1 + BANDS, columns) 0..255
    headings: Array  # (HEADINGS, 2) unit vectors, in 1 / UNIT
    angles_rad: Floats  # (HEADINGS,)


def far_ends_m() -> Floats:
    """Return the far end of each band, the farthest first, (BANDS,)."""
    share = np.arange(BANDS - 1, -1, -1) / (BANDS - 1)
    return np.asarray(NEAREST_M + (FARTHEST_M - NEAREST_M) * share * share)


def make_corridors(distance_m: Floats, body: Body, headings: Floats) -> Array:
    """Tell where a column's obstacle stands in a corridor along a heading.

    distance_m: (BANDS,); headings: (HEADINGS, 2). Returns (BANDS, columns, CORRIDORS, HEADINGS).
    """
    cos, sin = headings[:, 0], headings[:, 1]
    ahead = np.multiply.outer(body.beam_cos, cos) + np.multiply.outer(body.beam_sin, sin)
    aside = np.multiply.outer(body.beam_sin, cos) - np.multiply.outer(body.beam_cos, sin)
    along, across = (np.multiply.outer(distance_m, part) for part in (ahead, aside))
    stands = [
        (along > 0.0) & (along < free_m) & (np.abs(across) < body.half_width_m + margin_m)
        for margin_m, free_m in CORRIDORS
    ]
    return np.stack(stands, axis=2).astype(np.uint8)


def make_brakes(distance_m: Floats, body: Body) -> Array:
    """Tell what an obstacle takes from the speed, (BANDS, columns): ahead more than aside."""
    along, across = (np.multiply.outer(distance_m, b) for b in (body.beam_cos, body.beam_sin))
    in_the_way = np.abs(across) < body.half_width_m + CORRIDORS[-1][0]
    room = np.where(in_the_way, along - body.half_length_m - GAP_M, BRAKE_M) / BRAKE_M
    near = (distance_m[:, None] - body.half_width_m) / BRAKE_M
    kept = np.clip(room, 0.0, 1.0) * np.clip(near, CREEP, 1.0)
    return np.rint(255 * (1.0 - kept)).astype(np.uint8)


def make_weights(body: Body) -> Weights:
    """Set the weights for a robot and its camera."""
    far_m = far_ends_m()
    middle_m = 0.5 * (far_m + np.append(far_m[1:], 0.0))
    least = np.array([FAR_GREY - shade(far, body.range_m) for far in far_m])
    angles_rad: Floats = STEP_RAD * (AHEAD - np.arange(HEADINGS, dtype=np.float64))
    headings = unit_vectors(angles_rad)
    beyond = ((1, 0), (0, 0))
    return Weights(
        band_of=(np.arange(256)[:, None] > least).sum(axis=1),
        corridors=np.pad(make_corridors(middle_m, body, headings), (*beyond, (0, 0), (0, 0))),
        brakes=np.pad(make_brakes(middle_m, body), beyond),
        headings=np.rint(UNIT * headings).astype(np.int64),
        angles_rad=angles_rad,
    )


def forward(weights: Weights, picture: NDArray[np.uint8], wish: Array) -> dict[str, Array]:
    """Compute all layers. picture: (rows, columns); wish: (2,) ahead and left, in 1 / UNIT."""
    farthest = np.uint8(FAR_GREY)
    nearness = farthest - np.minimum(picture[: len(picture) // 2], farthest)
    columns = nearness.max(axis=0)
    band = weights.band_of[columns]
    place = np.arange(len(columns))
    danger = weights.corridors[band, place].sum(axis=0, dtype=np.int32)
    return {
        "input": picture,
        "nearness": nearness,
        "columns": columns,
        "bands": (band == np.arange(1, BANDS + 1)[:, None]).astype(np.uint8),
        "danger": danger,
        "brake": weights.brakes[band, place],
        "votes": (weights.headings @ wish // UNIT) - (PRICES * (danger > 0)).sum(axis=0),
    }


class CameraController:
    """Look, vote, steer; `layers` holds what each layer computed in the last decision."""

    sensor: ClassVar[str] = "camera"

    def attach(self, body: Body) -> None:
        """Set the weights for the robot's size and its camera."""
        self.body = body
        self.weights = make_weights(body)

    def reset(self, seed: int) -> None:
        """Forget the last heading."""
        self.last = AHEAD
        self.side = 1.0
        self.layers: dict[str, Array] = {}

    def wish(self, observation: Observation) -> Array:
        """Add up where to go: (2,) ahead and left, in 1 / UNIT."""
        goal = observation.get("goal", (1.0, 0.0))
        ahead, left = float(goal[0]), float(goal[1])
        scale = TO_GOAL * UNIT / (math.sqrt(ahead * ahead + left * left) or 1.0)
        to_goal: Array = np.rint([scale * ahead, scale * left]).astype(np.int64)
        headings = self.weights.headings
        return np.asarray(to_goal + TO_AHEAD * headings[AHEAD] + TO_LAST * headings[self.last])

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Choose a heading, and a speed that what is near allows."""
        body, weights = self.body, self.weights
        picture = observation["camera"][:, :, 0]
        if len(picture) < 2:
            raise ValueError(f"camera_rows={len(picture)} found, 2 or more needed")
        self.layers = forward(weights, picture, self.wish(observation))
        speed, yaw_rate = 0.0, math.copysign(TURN_GAIN, self.side)
        if not self.layers["danger"][-1].all():
            self.last = int(self.layers["votes"].argmax())
            angle = float(weights.angles_rad[self.last])
            self.side = angle or self.side
            kept = 1.0 - int(self.layers["brake"].max()) / 255
            speed = body.max_speed_mps * kept * int(weights.headings[self.last, 0]) / UNIT
            yaw_rate = TURN_GAIN * angle
        limit = body.max_yaw_rate_radps
        yaw_rate = min(max(yaw_rate, -limit), limit)
        wheels = wheel_commands(speed, yaw_rate, body.track_m, body.max_speed_mps)
        return np.array(wheels, np.float32)

"""The veto network: threats veto the moves towards them, the drives that remain compete.

After the decision network of the FlyintelBot (github.com/gogoalexy/FlyintelBot), turned into IQIF
populations:

* first population, **threats**: for each of 32 sectors of the view one neuron that tells near
  obstacles and one that tells far ones; they pass the spikes of their sensor on.
* second population: for each of 27 directions, and for spinning to either side, a **premotor**
  neuron, driven by how well its direction suits, and a **motor** neuron that follows it; and one
  **brake** neuron.

Near threats veto a wide cone of directions, far ones a narrow cone. Premotor neurons excite
themselves and inhibit all others, the later ones in a fixed order more: equals get no tie. Spinning
has a weak constant drive, so it wins where everything else is vetoed. Near threats ahead excite the
brake. The numbers are ours (`controllers.poppins`), found by hand and then by search.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurobot.fixed import Ints, signed_range
from neurobot.neurons import Neurons
from neurobot.poppins import Chip, Poppins, Population

SECTORS = 32
DIRECTIONS = 27
MOVES = DIRECTIONS + 2  # and spinning right, spinning left
SPIN_RIGHT, SPIN_LEFT = DIRECTIONS, DIRECTIONS + 1
THREATS = 2 * SECTORS
PREMOTOR = THREATS  # where the premotor neurons begin
MOTOR = PREMOTOR + MOVES
BRAKE = MOTOR + MOVES
NEURONS = BRAKE + 1
# The neurons by what they do.
GROUPS: dict[str, slice] = {
    "near threats": slice(0, SECTORS),
    "far threats": slice(SECTORS, THREATS),
    "premotor": slice(PREMOTOR, MOTOR),
    "motor": slice(MOTOR, BRAKE),
    "brake": slice(BRAKE, NEURONS),
}
# Moves as sectors and directions stand; spinning at the ends.
RIGHT_TO_LEFT = (SPIN_RIGHT, *range(DIRECTIONS), SPIN_LEFT)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Wiring:
    """The network's free parameters; widths in radians, weights and potentials as raw integers."""

    near_veto: float  # weight of a near threat on a direction within its cone
    near_cone: float  # half width of the cone ...
    near_edge: float  # ... and of the slope beside it
    far_veto: float
    far_cone: float
    far_edge: float
    strong_rival: float  # inhibition of a premotor neuron by those before it in the order
    weak_rival: float  # and by those behind it
    persistence: float  # excitation of a premotor neuron by itself
    rest: int
    threshold: int
    reset: int
    drive: int  # stimulus of an input spike on a premotor neuron
    span: float  # the outermost directions
    bend: float  # below 1 the directions lie farther apart ahead, above 1 closer together
    brake: float  # weight of a near threat ahead on the brake
    brake_cone: float

    @property
    def directions_rad(self) -> Floats:
        """Where each direction points, (DIRECTIONS,), from right to left."""
        even = np.linspace(-1.0, 1.0, DIRECTIONS)
        return self.span * np.sign(even) * np.abs(even) ** self.bend


def name_move(move: int, directions_rad: Floats) -> str:
    """Say where a move leads."""
    if move == SPIN_RIGHT:
        return "spin right"
    if move == SPIN_LEFT:
        return "spin left"
    degrees = round(math.degrees(directions_rad[move]))
    if degrees == 0:
        return "ahead"
    return f"{abs(degrees)}° {'left' if degrees > 0 else 'right'}"


def cone(offset_rad: Floats, half_width: float, edge: float) -> Floats:
    """1 within half a width, falling to 0 over an edge."""
    return np.clip((half_width + edge - np.abs(offset_rad)) / edge, 0.0, 1.0)


def whole(weights: Floats, chip: Chip) -> Ints:
    """Round 8-bit weights to the integers that the weight memory holds before their shift."""
    low, high = (end >> chip.weight_shift for end in signed_range(8))
    codes = np.floor(weights / (1 << chip.weight_shift) + 0.5)
    return np.clip(codes, low, high).astype(np.int32)


def vetoes(wiring: Wiring, sectors_rad: Floats) -> Floats:
    """Weights from the threats to the second population, (THREATS, 2 MOVES + 1)."""
    offsets = sectors_rad[:, None] - wiring.directions_rad[None, :]
    weights = np.zeros((THREATS, 2 * MOVES + 1))
    near, far = slice(0, SECTORS), slice(SECTORS, THREATS)
    weights[near, :DIRECTIONS] = -wiring.near_veto * cone(
        offsets, wiring.near_cone, wiring.near_edge
    )
    weights[far, :DIRECTIONS] = -wiring.far_veto * cone(offsets, wiring.far_cone, wiring.far_edge)
    weights[near, 2 * MOVES] = wiring.brake * cone(sectors_rad, wiring.brake_cone, 0.3)
    return weights


def rivalry(wiring: Wiring) -> Floats:
    """Weights inside the second population, (2 MOVES + 1, 2 MOVES + 1)."""
    off_ahead = np.abs(wiring.directions_rad) + 1e-3 * (wiring.directions_rad < 0)
    order = np.argsort(np.argsort(np.concatenate([off_ahead, [math.tau + 1, math.tau]])))
    before = order[:, None] < order[None, :]
    weights = np.zeros((2 * MOVES + 1, 2 * MOVES + 1))
    weights[:MOVES, :MOVES] = np.where(before, -wiring.strong_rival, -wiring.weak_rival)
    move = np.arange(MOVES)
    weights[move, move] = wiring.persistence
    weights[move, MOVES + move] = 127  # a premotor spike fires its motor neuron
    return weights


def neurons(count: int, rest: int, threshold: int, reset: int, tau: int) -> Neurons:
    """Make so many equal neurons with slopes of 1 / 8."""
    ones = np.ones(count, np.int32)
    return Neurons(rest * ones, threshold * ones, reset * ones, ones, ones, tau * ones)


def join(*groups: Neurons) -> Neurons:
    """Put groups of neurons into one population."""
    return Neurons(
        **{name: np.concatenate([vars(g)[name] for g in groups]) for name in vars(groups[0])}
    )


def build(wiring: Wiring, sectors_rad: Floats, chip: Chip) -> Poppins:
    """Configure a chip as the veto network for sectors in given directions, (SECTORS,)."""
    relays = neurons(THREATS, rest=16, threshold=255, reset=16, tau=8)
    second = join(
        neurons(MOVES, wiring.rest, wiring.threshold, wiring.reset, tau=16),
        neurons(MOVES, rest=160, threshold=255, reset=160, tau=0),
        neurons(1, rest=10, threshold=255, reset=10, tau=16),
    )
    amplitude = np.zeros(NEURONS, np.int32)
    amplitude[:THREATS] = 250  # one input spike fires a relay
    amplitude[PREMOTOR:MOTOR] = wiring.drive
    return Poppins(
        Population(relays, np.zeros((THREATS, THREATS), np.int32)),
        Population(second, whole(rivalry(wiring), chip)),
        amplitude=amplitude,
        tonic=np.zeros(NEURONS, np.int32),
        forward=whole(vetoes(wiring, sectors_rad), chip),
        chip=chip,
    )

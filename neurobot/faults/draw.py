"""When and where faults happen in an episode: drawn before it begins, from seeds alone."""

import base64
import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.faults.spec import Faults

US = 1_000_000  # in a second
MOST_DRAWN = 1_000_000  # in an episode
MOST_PLACES = 1 << 32  # as a draw is written


class Draw(NamedTuple):
    """Faults in the order of time, (n,) each."""

    time: NDArray[np.int64]  # since the episode began, in us; of state memories: `Flashes`
    place: NDArray[np.int64]  # of a bit, or of a beam; 0 where there is only one thing to hit

    def until(self, time: int) -> "Draw":
        """Return those that had happened by some time."""
        count = int(np.searchsorted(self.time, time, "right"))
        return Draw(self.time[:count], self.place[:count])

    def to_text(self) -> str:
        """Write as text: base64 of uint32, first all times, then all places."""
        packed = np.concatenate([self.time, self.place]).astype("<u4").tobytes()
        return base64.b64encode(packed).decode("ascii")


def from_text(text: str) -> Draw:
    """Read what `Draw.to_text` wrote."""
    values = np.frombuffer(base64.b64decode(text), "<u4").astype(np.int64)
    return Draw(*np.split(values, 2))


@dataclass(frozen=True, slots=True)
class Upsets:
    """What happened in an episode.

    injected: bits that were inverted or stuck, cells that varied, beams, spikes, brown-outs; felt:
    those after which something read wrong, or that met something alive; drawn: see
    `Draw.to_text`.
    """

    injected: int = 0
    felt: int = 0
    drawn: str = ""


def chance(faults: Faults, seed: int) -> np.random.Generator:
    """Return the chance of one episode: it hangs on seeds and place, not on how often."""
    name = f"{faults.memory} {faults.kind} {faults.protection}"
    digest = hashlib.sha256(f"{name} {faults.seed} {seed}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def check_amount(faults: Faults, size: int, limit_s: float, instants: int) -> None:
    """Refuse more faults in an episode than can be kept."""
    if max(size, instants) > MOST_PLACES:
        raise ValueError(
            f"faults: {faults.memory} of {size} bits in {instants} instants found; allowed: "
            f"{MOST_PLACES} of each"
        )
    expected = faults.burst * (max(faults.rate * limit_s, faults.share) * size or faults.count)
    if expected > MOST_DRAWN:
        raise ValueError(
            f"faults: {expected:.3g} expected in {faults.memory} of {size} bits in "
            f"{limit_s:g} s of an episode; allowed: {MOST_DRAWN}"
        )


def draw(faults: Faults, size: int, limit_s: float, seed: int, instants: int) -> Draw:
    """Draw the faults of an episode that ends after limit_s at the latest, among size places.

    instants: into how many parts that time is divided. Those at a rate come as a Poisson process;
    shares and counts are there at the beginning, no place twice. A burst hits neighbours, as far
    as there are any.
    """
    check_amount(faults, size, limit_s, instants)
    source = chance(faults, seed)
    if faults.rate:
        count = int(source.poisson(faults.rate * limit_s * size))
        times = np.sort(source.integers(0, max(instants, 1), count))
        return spread(Draw(times, source.integers(0, size, count)), faults.burst, size)
    order = np.argsort(source.random(size), kind="stable")  # more faults: the same, and others
    count = faults.count or int(source.binomial(size, faults.share))
    places = order[:count].astype(np.int64)
    return spread(Draw(np.zeros(len(places), np.int64), places), faults.burst, size)


def spread(found: Draw, burst: int, size: int) -> Draw:
    """Let each fault hit neighbours as well."""
    if burst == 1:
        return found
    places = (found.place[:, None] + np.arange(burst)).ravel()
    inside = places < size
    return Draw(np.repeat(found.time, burst)[inside], places[inside])

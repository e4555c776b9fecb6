"""What goes wrong in an episode, and how often."""

import math
from dataclasses import dataclass, fields
from urllib.parse import urlencode

from neurobot.controllers import read_options
from neurobot.faults.protection import GUARDS
from neurobot.ranges import check_types

SENSOR, LATENCY, CLOCK = "sensor", "latency", "clock"
# Around the chip; any other name is one of its memories.
AROUND = {SENSOR: ("dead", "stuck"), LATENCY: ("spike",), CLOCK: ("brownout",)}
FLIP, STUCK, VARY = "flip", ("stuck0", "stuck1"), "vary"
KINDS = (FLIP, *STUCK, VARY)  # in a memory
AMOUNTS = ("rate", "share", "count")
MOST_COUNT = 1_000_000


@dataclass(frozen=True, slots=True)
class Faults:
    """One kind of fault, in one place, so often; without rate, share and count: none at all.

    memory: the name of a chip's memories, or `AROUND` it: "sensor", "latency", "clock"; kind: of
    `KINDS` or `AROUND`: bits inverted once, or stuck; cells that vary; beams (camera columns) that
    see nothing, or always the same; spikes of the latency; brown-outs, in which the clock slows.

    rate: by bit and second (by beam and second; of spikes and brown-outs, by second); share: of
    bits or beams, from the beginning on; for "vary", the sigma of the law; count: exactly so many,
    at the beginning. burst: neighbouring bits (beams) that each of them hits. protection and
    word_bits: see `protection`. size_s: how long a spike or brown-out lasts; factor: what is left
    of the clock in a brown-out. seed: of the times and places, together with the episode's.
    """

    memory: str = "weights"
    kind: str = FLIP
    rate: float = 0.0
    share: float = 0.0
    count: int = 0
    burst: int = 1
    protection: str = "none"
    word_bits: int = 32
    law: str = "lognormal"
    size_s: float = 0.2
    factor: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_types("faults", self)
        self._one_of("kind", AROUND.get(self.memory, KINDS))
        self._one_of("protection", tuple(GUARDS))
        self._hold("rate", 0 <= self.rate < math.inf, "finite, 0 or more")
        self._hold("share", 0 <= self.share < math.inf, "finite, 0 or more")
        self._hold("count", self.count in range(MOST_COUNT + 1), f"0..{MOST_COUNT}")
        self._hold("burst", self.burst in range(1, 1025), "1..1024")
        self._hold("word_bits", self.word_bits in range(1, 1025), "1..1024")
        self._hold("size_s", 0 < self.size_s < math.inf, "finite, above 0")
        self._hold("factor", 0 < self.factor <= 1, "above 0, 1 at most")
        self._hold("seed", self.seed in range(1 << 63), "0..2**63 - 1")
        given = [name for name in AMOUNTS if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"faults: {' and '.join(given)} found; allowed: one of them")
        self._suit(given)

    def _suit(self, given: list[str]) -> None:
        """Refuse an amount, or a protection, that the kind does not have."""
        if self.kind == VARY and given not in ([], ["share"]):
            raise ValueError(f"faults: {given[0]} found; cells that vary take a share: their sigma")
        if self.kind in STUCK and given == ["rate"]:
            raise ValueError("faults: rate found; bits that are stuck take a share, or a count")
        if self.kind in ("spike", "brownout") and given == ["share"]:
            raise ValueError(f"faults: share found; {self.kind} takes a rate, or a count")
        if self.kind != VARY and self.share > 1:
            raise ValueError(f"faults: share={self.share} found; allowed: 0..1")
        if self.protection != "none" and (self.memory in AROUND or self.kind == VARY):
            raise ValueError(
                f"faults: protection {self.protection!r} found; it guards the bits of memories only"
            )

    def _one_of(self, name: str, known: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in known:
            raise ValueError(
                f"faults: {name} {value!r} found for {self.memory}; allowed: {', '.join(known)}"
            )

    def _hold(self, name: str, fits: bool, allowed: str) -> None:
        if not fits:
            raise ValueError(f"faults: {name}={getattr(self, name)} found; allowed: {allowed}")

    def __str__(self) -> str:
        """Write as `read_faults` reads it: the memory, the kind, and what is not as usual."""
        told = {"kind": self.kind}
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if value != field.default:
                told[field.name] = value
        return f"{self.memory}?{urlencode(told)}"

    @property
    def sound(self) -> bool:
        """Whether nothing goes wrong."""
        return not (self.rate or self.share or self.count)

    @property
    def around(self) -> bool:
        """Whether it happens around the chip, so that every brain can meet it."""
        return self.memory in AROUND


def usual_kind(memory: str) -> str:
    """Return what goes wrong where nothing else is said."""
    return AROUND.get(memory, KINDS)[0]


def read_faults(text: str) -> Faults:
    """Read faults as options of what they hit: "weights?rate=1e-4&protection=ecc"."""
    memory, options = text.partition("?")[0], read_options(text, "faults")
    known = [field.name for field in fields(Faults)[1:]]
    for name in sorted(options.keys() - set(known))[:1]:
        raise ValueError(f"faults {text!r}: unknown option {name!r}; known: {', '.join(known)}")
    return Faults(memory, **{"kind": usual_kind(memory), **options})

"""What a fault does when its time has come: in a memory, to the sensor, to the chip's time."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurobot.envs.batch import DEFAULT_LIMIT_S
from neurobot.faults.draw import US, Draw, Upsets, chance, draw
from neurobot.faults.memory import Memory, Strikes, Substrate
from neurobot.faults.protection import Bank, Layout
from neurobot.faults.seats import find_substrate, parts_of
from neurobot.faults.spec import CLOCK, LATENCY, SENSOR, STUCK, VARY, Faults
from neurobot.grey import FLOOR, SKY
from neurobot.loop import Observation

Array = NDArray[Any]


class Trouble(Protocol):
    """One kind of fault at work in an episode."""

    felt: int
    stall_s: float  # what the next decision takes longer
    slowdown: float  # by how much the clock is slower

    def begin(self, limit_s: float, seed: int) -> None:
        """Mend everything, and draw the faults of an episode."""

    def meet(self, now_us: int, observation: Observation) -> Observation:
        """Let happen what is due before a decision; return what the brain gets to see."""

    def upsets(self, now_us: int) -> Upsets:
        """Tell what has happened until now."""


class Drawn:
    """What all of them share: a draw of the episode, of which the first so many have happened."""

    def __init__(self, faults: Faults, size: int) -> None:
        self.faults, self.size = faults, size
        self.draw(DEFAULT_LIMIT_S, 0)  # more than can be kept is refused now

    def begin(self, limit_s: float, seed: int) -> None:
        """Draw the faults of an episode."""
        self.felt, self.stall_s, self.slowdown, self.done = 0, 0.0, 1.0, 0
        self.drawn = self.draw(limit_s, seed)

    def draw(self, limit_s: float, seed: int) -> Draw:
        """Draw the faults of an episode that ends after so long at the latest."""
        return draw(self.faults, self.size, limit_s, seed, round(limit_s * US))

    def due(self, now_us: int) -> range:
        """Return the positions of what has happened since it was last asked for."""
        first = self.done
        self.done = int(np.searchsorted(self.drawn.time, now_us, "right"))
        return range(first, self.done)

    def upsets(self, now_us: int) -> Upsets:
        """Tell what has happened until now."""
        return self.told(now_us)

    def told(self, time: int) -> Upsets:
        """Tell what had happened by a time of the draw."""
        until = self.drawn.until(time)
        return Upsets(len(until.place), self.felt, until.to_text())


class Bits(Drawn):
    """Bits of configured memories, inverted or stuck, behind a code or behind none."""

    def __init__(
        self, faults: Faults, substrate: Substrate, parts: Sequence[tuple[int, Memory]]
    ) -> None:
        self.substrate = substrate
        self.numbers = [k for k, _ in parts]
        layouts = [Layout(each, faults.protection, faults.word_bits) for _, each in parts]
        self.banks = [
            Bank(layout, substrate.read(k)) for k, layout in zip(self.numbers, layouts, strict=True)
        ]
        self.ends = np.cumsum([layout.size for layout in layouts])
        self.stuck = STUCK.index(faults.kind) if faults.kind in STUCK else None
        super().__init__(faults, int(self.ends[-1]))

    def begin(self, limit_s: float, seed: int) -> None:
        """Write back what was meant, and draw the faults of an episode."""
        for number, bank in zip(self.numbers, self.banks, strict=True):
            places, codes = bank.mend()
            if len(places):
                self.substrate.write(number, places, codes)
        super().begin(limit_s, seed)

    def meet(self, now_us: int, observation: Observation) -> Observation:
        """Write what words read as, once bits of them are wrong."""
        touched: list[dict[int, None]] = [{} for _ in self.banks]
        for k in self.due(now_us):
            place = int(self.drawn.place[k])
            which = int(np.searchsorted(self.ends, place, "right"))
            bank = self.banks[which]
            number = bank.hit(place - int(self.ends[which]) + bank.layout.size, self.stuck)
            self.felt += bank.wrong(number) != 0
            touched[which][number] = None
        for number, bank, words in zip(self.numbers, self.banks, touched, strict=True):
            if words:
                self.substrate.write(number, *bank.seen(list(words)))
        return observation


class Flashes(Drawn):
    """Bits of state memories, inverted while decisions are made.

    Drawn are those of cycles in which a decision can be on its way, so many behind each beginning
    of a control step; what comes while the chip rests would leave no trace. Their times count
    these cycles. Those that meet nothing that is still needed are not felt.
    """

    def __init__(
        self,
        faults: Faults,
        substrate: Substrate,
        parts: Sequence[tuple[int, Memory]],
        clock_hz: float,
        control_s: float,
    ) -> None:
        if faults.kind in STUCK or faults.protection != "none" or faults.share or faults.count:
            raise ValueError(
                f"faults: {faults.memory} live for one decision at a time; allowed for them: flip, "
                "at a rate, without protection"
            )
        self.substrate, self.clock_hz, self.control_s = substrate, clock_hz, control_s
        self.period = max(round(control_s * clock_hz), 1)  # cycles of a control step
        self.window = min(substrate.cycles, self.period)  # of them in which there is a decision
        self.numbers = np.array([k for k, _ in parts], np.int64)
        self.sizes = np.array([each.size for _, each in parts])
        self.widths = np.array([each.bits for _, each in parts])
        self.ends, self.waiting = np.cumsum(self.sizes), False
        super().__init__(faults, int(self.ends[-1]))

    def draw(self, limit_s: float, seed: int) -> Draw:
        """Draw the faults of an episode."""
        steps = math.ceil(limit_s / self.control_s - 1e-9)
        cycles = steps * self.window
        return draw(self.faults, self.size, cycles / self.clock_hz, seed, cycles)

    def step_of(self, now_us: int) -> int:
        """Return the control step that begins at some time."""
        return round(now_us / (self.control_s * US))

    def meet(self, now_us: int, observation: Observation) -> Observation:
        """Hand over what comes from now on, as long as a decision can take."""
        self.gather()
        step, most = self.step_of(now_us), self.substrate.cycles
        last = step + -(-most // self.period)
        bounds = (step * self.window, last * self.window)
        near = slice(*np.searchsorted(self.drawn.time, bounds).tolist())
        later, inside = np.divmod(self.drawn.time[near] - step * self.window, self.window)
        places = self.drawn.place[near]
        which = np.searchsorted(self.ends, places, "right")
        value, bit = np.divmod(places - (self.ends - self.sizes)[which], self.widths[which])
        cycles = later * self.period + inside
        self.substrate.strike(Strikes(cycles, self.numbers[which], value, bit))
        self.waiting = True
        return observation

    def gather(self) -> None:
        """Add what the last decision felt."""
        self.felt += self.substrate.felt if self.waiting else 0
        self.waiting = False

    def upsets(self, now_us: int) -> Upsets:
        """Tell what has happened until now."""
        self.gather()
        return self.told(self.step_of(now_us) * self.window - 1)


class Varied(Drawn):
    """Cells of a compute-in-memory machine, programmed with a spread, anew for each episode."""

    def __init__(
        self, faults: Faults, substrate: Substrate, parts: Sequence[tuple[int, Memory]]
    ) -> None:
        if not hasattr(substrate, "vary"):
            raise ValueError(
                f"faults: kind {VARY!r} found; the cells of this chip are digital, and hold a bit "
                "or do not; allowed: flip, stuck0, stuck1"
            )
        self.cells = sum(each.values for _, each in parts)
        self.vary: Any = substrate.vary
        super().__init__(faults, 0)

    def begin(self, limit_s: float, seed: int) -> None:
        """Program the cells."""
        super().begin(limit_s, seed)
        draw_number = int(chance(self.faults, seed).integers(1 << 62))
        self.vary(self.faults.law, self.faults.share, draw_number)

    def meet(self, now_us: int, observation: Observation) -> Observation:
        """Change nothing more."""
        return observation

    def upsets(self, now_us: int) -> Upsets:
        """Tell how many cells vary: all of them, if any."""
        count = self.cells if self.faults.share else 0
        return Upsets(count, count)


def blinded(observation: Observation, beams: Array, range_m: float) -> Observation:
    """Return what is seen where some beams, or camera columns, see nothing."""
    seen = dict(observation)
    if "range" in seen:
        seen["range"] = np.where(beams, np.float32(range_m), seen["range"])
    else:
        picture = seen["camera"].copy()
        rows = len(picture)
        empty = np.where(np.arange(rows) + 0.5 < 0.5 * rows, SKY, FLOOR).astype(np.uint8)
        picture[:, beams, 0] = empty[:, None]
        seen["camera"] = picture
    return seen


def frozen(observation: Observation, beams: Array, held: Observation) -> Observation:
    """Return what is seen where some beams, or camera columns, show what they once showed."""
    seen = dict(observation)
    if "range" in seen:
        seen["range"] = np.where(beams, held["range"], seen["range"])
    else:
        seen["camera"] = np.where(beams[None, :, None], held["camera"], seen["camera"])
    return seen


class Blindness(Drawn):
    """Beams, or camera columns, that see nothing from some time on, or what they saw then."""

    def __init__(self, faults: Faults, world: Any) -> None:
        self.range_m = float(world.body.range_m)
        super().__init__(faults, len(world.body.beam_cos))

    def begin(self, limit_s: float, seed: int) -> None:
        """See everything, and draw the faults of an episode."""
        super().begin(limit_s, seed)
        self.lost = np.zeros(self.size, np.bool_)
        self.held: dict[str, Array] = {}

    def meet(self, now_us: int, observation: Observation) -> Observation:
        """Let beams die, and return what is left of the view."""
        for k in self.due(now_us):
            beam = int(self.drawn.place[k])
            self.felt += not self.lost[beam]
            if not self.lost[beam]:
                self.hold(beam, observation)
            self.lost[beam] = True
        if not self.lost.any():
            return observation
        if self.faults.kind == "dead":
            return blinded(observation, self.lost, self.range_m)
        return frozen(observation, self.lost, self.held)

    def hold(self, beam: int, observation: Observation) -> None:
        """Remember what a beam, or a camera column, shows now."""
        for name, axis in (("range", 0), ("camera", 1)):
            if name in observation:
                kept = self.held.setdefault(name, observation[name].copy())
                place = (slice(None),) * axis + (beam,)
                kept[place] = observation[name][place]


class Spikes(Drawn):
    """Decisions that take longer: something else had the chip for a while."""

    def meet(self, now_us: int, observation: Observation) -> Observation:
        """Hold the next decision up, once for each that has come since the last one."""
        count = len(self.due(now_us))
        self.felt += count
        self.stall_s = count * self.faults.size_s
        return observation


class BrownOuts(Drawn):
    """The supply sags, and the clock is slower for a while."""

    def begin(self, limit_s: float, seed: int) -> None:
        """Draw the brown-outs of an episode."""
        super().begin(limit_s, seed)
        self.met = 0  # so many are counted, or went by between two decisions

    def meet(self, now_us: int, observation: Observation) -> Observation:
        """Slow the clock of a decision that begins while the supply is low."""
        self.due(now_us)
        over_us = now_us - round(self.faults.size_s * US)
        first = int(np.searchsorted(self.drawn.time, over_us, "right"))
        self.felt += self.done - max(first, self.met)
        self.met = self.done
        self.slowdown = 1.0 / self.faults.factor if first < self.done else 1.0
        return observation


def make_trouble(
    faults: Faults, controller: Any, world: Any, clock_hz: float | None = None
) -> Trouble:
    """Set up one kind of fault for a seated controller in an environment, unwrapped.

    clock_hz: of the chip, where it is not the controller's own.
    """
    if faults.memory == SENSOR:
        return Blindness(faults, world)
    if faults.memory == LATENCY:
        return Spikes(faults, 1)
    if faults.memory == CLOCK:
        return BrownOuts(faults, 1)
    substrate = find_substrate(controller, world)
    parts = parts_of(substrate, faults.memory)
    if faults.kind == VARY:
        return Varied(faults, substrate, parts)
    if not parts[0][1].state:
        return Bits(faults, substrate, parts)
    control_s = float(world.batch.clock.control_s)
    return Flashes(faults, substrate, parts, clock_hz or controller.clock_hz, control_s)

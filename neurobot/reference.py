"""The chip's populations once more, in Brian2: the exact rules, and the floats they approximate.

Time is counted in ticks, potentials in potential units (1/256 of the membrane's range), currents
in potential units per tick. Both models run the phases of a tick in the chip's order, told by
Brian2's slots: spikes are delivered (synapses), currents decay (before_groups), membranes move
(groups), neurons spike (thresholds) and are reset (resets).

* `exact` states the integer rules of profile P0 as integer equations. It takes constants and stored
  weights from the network and nothing from `neurobot.iqif`, so equality of the two means something.
* `approximated` runs the model that those integers round: a piecewise-linear quadratic
  integrate-and-fire neuron with an exponential synapse, or a true quadratic one. `Rules` brings
  the chip's roundings back, each for itself.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.fixed import whole_numbers
from neurobot.poppins import Poppins

interrupts = signal.getsignal(signal.SIGINT)
try:
    import brian2
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "comparing with Brian2 needs Brian2: pip install 'neurobot[brian]'"
    ) from missing
except AttributeError as broken:  # Brian2 2.9, the last for Python 3.11, with NumPy 2.4
    raise ModuleNotFoundError(
        f"this Brian2 does not fit NumPy {np.__version__}: pip install 'neurobot[brian]'"
    ) from broken

# Brian2 would have Ctrl-C end a run early, as if that were its end.
signal.signal(signal.SIGINT, interrupts)
TICK = 1 * brian2.ms  # any time will do: the chip knows only ticks
# Brian2 compiles for one to two minutes, which pays from about so many neuron-steps on.
COMPILE_FROM = 200_000_000

PARAMETERS = """
rest : {kind} (constant)            # potential units, as unstable and reset_to
unstable : {kind} (constant)        # the threshold of the force
reset_to : {kind} (constant)
slope_rest : {kind} (constant)      # eighths per tick, as slope_unstable
slope_unstable : {kind} (constant)
branch : {kind} (constant)          # where the force changes its slope
divisor : {kind} (constant)         # the synaptic time constant as a power of two, in ticks
lasts : {kind} (constant)           # 0 where a current acts for one tick only, else 1
current : {kind}                    # potential units per tick
"""
FIT = {
    False: "current = clip(current, lowest, highest)",
    True: "current = (current - lowest) % (highest - lowest + 1) + lowest",
}
FORGET = "current *= lasts"

EXACT = """
v : integer                         # the membrane, a byte
moved : integer                     # the membrane before it is fitted into its byte
"""
EXACT_LOSS = {
    False: "loss = current // divisor",
    True: "loss = (int(current > 0) - int(current < 0)) * (abs(current) // divisor)",
}
EXACT_DECAY = "current -= lasts * (loss + int(loss == 0) * (int(current > 0) - int(current < 0)))"
EXACT_MEMBRANE = """
towards_rest = int(v < branch) * slope_rest * (rest - v)
away = int(v >= branch) * slope_unstable * (v - unstable)
moved = v + (towards_rest + away) // 8 + current + int(drive(t, i))
v = clip(moved, 0, 255)
"""

FLOAT = """
dv/dt = ({force} + current + drive(t, i)) / tick : 1
"""
PIECEWISE = """int(v < branch) * slope_rest / 8 * (rest - v)
    + int(v >= branch) * slope_unstable / 8 * (v - unstable)"""
QUADRATIC = "4 * depth / (unstable - rest)**2 * (v - rest) * (v - unstable)"
DEPTH = "depth : 1 (constant)        # of the force between rest and unstable: the rheobase\n"
FLOAT_DECAY = "current *= 1 - lasts / divisor"
INTEGER_LOSS = {
    False: "loss = floor(current / divisor)",
    True: "loss = sign(current) * floor(abs(current) / divisor)",
}
INTEGER_DECAY = "current -= lasts * (loss + int(loss == 0) * sign(current))"


class Rules(NamedTuple):
    """Which of the chip's roundings a float model has; with all of them it is the chip."""

    floor: bool = False  # the force and the branch point are rounded down
    clamp: bool = False  # the membrane stops at 0, the current at the ends of its register
    decay: bool = False  # the current loses whole numbers, at least 1


FLOATS = Rules()
INTEGERS = Rules(floor=True, clamp=True, decay=True)


@dataclass(frozen=True)
class Run:
    """What W copies of a network did in T ticks; potential and current only where recorded."""

    spikes: NDArray[np.bool_]  # (W, T, N)
    potential: NDArray[Any] | None = None  # (W, T, N), after each tick
    current: NDArray[Any] | None = None  # (W, T, N), as the membranes see it, then forgotten


@contextmanager
def code_generation(neuron_steps: int) -> Iterator[None]:
    """Let Brian2 use a compiler, if there is one, for long runs only."""
    usual = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "auto" if neuron_steps >= COMPILE_FROM else "numpy"
    try:
        yield
    finally:
        brian2.prefs.codegen.target = usual


class Simulation:
    """Copies of a network in Brian2: a neuron group for each population, synapses between them."""

    def __init__(self, network: Poppins, drives: NDArray[Any]) -> None:
        first, count = len(network.first), len(network)
        self.network = network
        self.drives = whole_numbers("drives", drives, (None, None, count))
        self.bounds = ((0, first), (first, count))
        self.groups: list[Any] = []
        self.objects: list[Any] = []

    @property
    def namespace(self) -> dict[str, Any]:
        """Constants of the equations."""
        end = 2 ** (self.network.chip.current_bits - 1)
        return {"lowest": -end, "highest": end - 1, "tick": TICK}

    @property
    def blocks(self) -> list[list[Any]]:
        """Stored weights from each population to each; None: no such matrix."""
        network = self.network
        return [
            [network.first.weights, network.forward],
            [network.backward, network.second.weights],
        ]

    def constants(self, low: int, high: int) -> dict[str, NDArray[Any]]:
        """Return the parameters of the neurons low to high."""
        neurons = self.network.neurons
        values = {
            "rest": neurons.rest,
            "unstable": neurons.threshold,
            "reset_to": neurons.reset,
            "slope_rest": neurons.slope_rest,
            "slope_unstable": neurons.slope_threshold,
            "divisor": np.array([1 << int(tau).bit_length() >> 1 or 1 for tau in neurons.tau]),
            "lasts": neurons.tau > 0,
        }
        return {name: array[low:high] for name, array in values.items()}

    def add_group(
        self, equations: str, phases: dict[str, str], threshold: str, constants: dict[str, Any]
    ) -> None:
        """Add the next population."""
        low, high = self.bounds[len(self.groups)]
        copies, ticks, _ = self.drives.shape
        drive = self.drives[:, :, low:high].transpose(1, 0, 2).reshape(ticks, -1)
        group = brian2.NeuronGroup(
            copies * (high - low),
            equations,
            threshold=threshold,
            reset="v = reset_to",
            method="euler",
            dt=TICK,
            namespace={**self.namespace, "drive": brian2.TimedArray(drive.astype(float), TICK)},
        )
        for name, values in constants.items():
            setattr(group, name, np.tile(values, copies))
        group.v = np.tile(constants["rest"], copies)
        for slot, code in phases.items():
            group.run_regularly(code, when=slot)
        self.groups.append(group)
        self.objects.append(group)

    def connect(self, kind: str) -> None:
        """Connect every population to every one, in each copy, wherever a weight is not 0."""
        copies = np.arange(len(self.drives))[:, None]
        sizes = len(self.network.first), len(self.network.second)
        for source, size, row in zip(self.groups, sizes, self.blocks, strict=True):
            for target, width, stored in zip(self.groups, sizes, row, strict=True):
                if stored is None or not np.any(stored):
                    continue
                block = np.asarray(stored, np.int64) * 2**self.network.chip.weight_shift
                pre, post = np.nonzero(block)
                synapses = brian2.Synapses(
                    source,
                    target,
                    f"weight : {kind} (constant)",
                    on_pre="current_post += weight",
                    dt=TICK,
                )
                synapses.connect(i=(pre + copies * size).ravel(), j=(post + copies * width).ravel())
                synapses.weight = np.tile(block[pre, post], len(copies))
                self.objects.append(synapses)

    def run(self, states: bool) -> Run:
        """Run to the end of the drives, and put the populations side by side again."""
        spikes = [brian2.SpikeMonitor(group) for group in self.groups]
        potentials, currents = (
            [brian2.StateMonitor(g, name, record=True, when=when) for g in self.groups if states]
            for name, when in (("v", "end"), ("current", "before_thresholds"))
        )
        network = brian2.Network(*self.objects, *spikes, *potentials, *currents)
        end = self.drives.shape[1] * TICK
        network.run(end)
        if network.t < end:  # Brian2 was imported before, with its own way of being interrupted
            raise KeyboardInterrupt
        return Run(
            np.concatenate([self.raster(monitor) for monitor in spikes], axis=2),
            self.join([monitor.v for monitor in potentials]),
            self.join([monitor.current for monitor in currents]),
        )

    def join(self, blocks: list[Any]) -> NDArray[Any] | None:
        """Put the records (copies * neurons, T) of the populations side by side."""
        copies, ticks, _ = self.drives.shape
        if not blocks:
            return None
        split = [np.asarray(block).reshape(copies, -1, ticks) for block in blocks]
        return np.asarray(np.concatenate(split, axis=1).transpose(0, 2, 1))

    def raster(self, monitor: Any) -> NDArray[np.bool_]:
        """Return the spikes of a monitor as (copies, T, neurons)."""
        copies, ticks, _ = self.drives.shape
        fired = np.zeros((ticks, monitor.source.N), np.bool_)
        fired[np.round(monitor.t / TICK).astype(int), monitor.i] = True
        return fired.reshape(ticks, copies, -1).transpose(1, 0, 2)


def exact(network: Poppins, drives: NDArray[Any], states: bool = True) -> Run:
    """Run copies of a network by the integer rules, written in Brian2.

    drives: (W, T, N) whole numbers, the external stimulus in potential units per tick.
    states: record potentials and currents too, not only spikes.
    """
    simulation = Simulation(network, drives)
    chip = network.chip
    phases = {
        "before_groups": "\n".join((FIT[chip.wraps], EXACT_LOSS[chip.rounds_to_zero], EXACT_DECAY)),
        "groups": EXACT_MEMBRANE,
        "after_groups": FORGET,
    }
    for bounds in simulation.bounds:
        constants = simulation.constants(*bounds)
        constants["branch"] = branch_point(constants, whole=True)
        equations = EXACT + PARAMETERS.format(kind="integer")
        simulation.add_group(equations, phases, "moved > 255", constants)
    with code_generation(drives.size):
        simulation.connect("integer")
        return simulation.run(states)


def approximated(
    network: Poppins,
    drives: NDArray[Any],
    rules: Rules = FLOATS,
    *,
    quadratic: bool = False,
    states: bool = False,
) -> Run:
    """Run copies of a network as floats, with those of the chip's roundings that `rules` names.

    drives, states: as in `exact`. A neuron spikes at 256, where the chip's sum leaves its byte, and
    not above 255: what lies between is rounded down there. quadratic: a parabola in place of the
    two slopes, with the same rest, threshold and rheobase; these fix its curvature.
    """
    simulation = Simulation(network, drives)
    chip = network.chip
    force = QUADRATIC if quadratic else PIECEWISE
    if rules.floor:
        force = f"floor({force})"
    decay = "\n".join((INTEGER_LOSS[chip.rounds_to_zero], INTEGER_DECAY))
    phases = {
        "before_groups": "\n".join(
            (FIT[chip.wraps] if rules.clamp else "", decay if rules.decay else FLOAT_DECAY)
        ),
        "after_groups": FORGET,
    }
    if rules.clamp:
        phases["after_thresholds"] = "v = clip(v, 0, inf)"
    equations = (FLOAT.format(force=force) + PARAMETERS.format(kind="1")).strip()
    for bounds in simulation.bounds:
        constants = simulation.constants(*bounds)
        constants["branch"] = branch_point(constants, whole=rules.floor)
        if quadratic:
            constants["depth"] = rheobase(constants)
        simulation.add_group(equations + "\n" + DEPTH * quadratic, phases, "v >= 256", constants)
    with code_generation(drives.size):
        simulation.connect("1")
        return simulation.run(states)


def branch_point(constants: dict[str, Any], whole: bool) -> NDArray[Any]:
    """Where the two slopes of the force meet: the mean of rest and threshold, weighted by them."""
    a, b = constants["slope_rest"], constants["slope_unstable"]
    meet = (a * constants["rest"] + b * constants["unstable"]) / (a + b)
    return np.asarray(np.trunc(meet) if whole else meet)


def rheobase(constants: dict[str, Any]) -> NDArray[Any]:
    """Depth of the force between rest and threshold: the input above which a neuron fires."""
    a, b = constants["slope_rest"], constants["slope_unstable"]
    return np.asarray(a * b * (constants["unstable"] - constants["rest"]) / (8 * (a + b)))

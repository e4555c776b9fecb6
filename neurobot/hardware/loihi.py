"""A check of the event counts and prices on a case with known answers.

Intel's Loihi has published energies per event: SPICE figures of Davies et al., IEEE Micro 2018
(DOI 10.1109/MM.2018.112130359), as SANA-FE (DOI 10.1109/TCAD.2025.3537971), a simulator of spiking
chips, has them in its `loihi.yaml`. Here our chip runs small networks that SANA-FE has run as well,
and these prices must give its energies. This says that we count and price events as it does; it
says nothing about Loihi, whose neurons are others, nor about time.
"""

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neurobot.cost import Price, Tariff
from neurobot.events import Events
from neurobot.iqif import Neurons
from neurobot.poppins import Chip, Poppins, Population

SOURCES = 64  # neurons of the first population
TICKS = 10


def published(joules: float, what: str) -> Price:
    """Price an event by one of Loihi's figures."""
    return Price.exactly(joules, "published", what)


LOIHI = Tariff(
    {
        "synaptic_ops": published(35.5e-12, "dense synapse"),
        "membrane_updates": published(51.2e-12, "access") + published(21.6e-12, "update"),
        "spikes": published(69.3e-12, "spike out"),
        "messages": published(111e-12, "message out") + published(4.2e-12, "hop to the next tile"),
    },
    Price(0.0, 0.0, 0.0, "assumed", "left out: not among these figures"),
)


class Energies(NamedTuple):
    """Energy of a whole run by SANA-FE's components, in joules."""

    synapse_j: float
    soma_j: float
    network_j: float
    total_j: float


@dataclass(frozen=True, slots=True)
class Case:
    """64 neurons that spike at every tick, or never, each to all targets, which never spike."""

    name: str
    targets: int
    spiking: bool
    recorded: Energies  # what SANA-FE 2.2.9 printed

    def network(self) -> Poppins:
        """Configure our chip; weights of -1 keep the targets silent."""
        count = SOURCES + self.targets
        tonic = np.zeros(count, np.int32)
        tonic[:SOURCES] = 250 if self.spiking else 0  # from a rest of 16 beyond the spike level
        return Poppins(
            unconnected(SOURCES),
            unconnected(self.targets),
            amplitude=np.zeros(count, np.int32),
            tonic=tonic,
            forward=np.full((SOURCES, self.targets), -1),
            chip=Chip(neurons=max(SOURCES, self.targets)),
        )


def unconnected(count: int) -> Population:
    """Make so many neurons that rest unless they are driven."""
    constants = (16, 255, 16, 1, 1, 8)
    neurons = Neurons(*(np.full(count, constant) for constant in constants))
    return Population(neurons, np.zeros((count, count), np.int32))


CASES = (
    Case("64 targets", 64, True, Energies(1.454080e-6, 0.137536e-6, 0.073728e-6, 1.665344e-6)),
    Case("128 targets", 128, True, Energies(2.908160e-6, 0.184128e-6, 0.073728e-6, 3.166016e-6)),
    Case("silent", 64, False, Energies(0.0, 0.093184e-6, 0.0, 0.093184e-6)),
)


def count_events(network: Poppins) -> Events:
    """Run the chip without input spikes; deliver the spikes of the last tick, as SANA-FE does."""
    trains = np.zeros((TICKS, len(network)), np.bool_)
    _, events = network.decide(trains, np.zeros(0, np.int32))
    return events + network.deliveries(network.trace(trains).spikes[-1])


def modelled(case: Case) -> Energies:
    """Run a case on our chip and price its events."""
    events = count_events(case.network())
    parts = LOIHI.breakdown_j(events)
    return Energies(
        parts["synaptic_ops"],
        parts["membrane_updates"] + parts["spikes"],
        parts["messages"],
        LOIHI.dynamic_j(events),
    )


def simulated(case: Case) -> Energies | None:
    """Run a case through SANA-FE; None if it is not installed (`pip install sanafe`)."""
    try:
        import sanafe
    except ModuleNotFoundError:
        return None
    architecture = sanafe.load_loihi()
    network = sanafe.Network()
    sources = network.create_neuron_group(
        "sources", SOURCES, {"threshold": 1.0, "bias": 2.0 * case.spiking, "force_update": True}
    )
    targets = network.create_neuron_group(
        "targets", case.targets, {"threshold": 1.0, "force_update": True}
    )
    sources.connect_neurons_dense(targets, {"weight": [-1.0] * (SOURCES * case.targets)})
    sources.map_to_core(architecture.tiles[0].cores[0])
    targets.map_to_core(architecture.tiles[1].cores[0])
    chip = sanafe.SpikingChip(architecture)
    chip.load(network)
    with redirect_stdout(io.StringIO()):  # it reports its progress
        energy = chip.sim(TICKS, processing_threads=1)["energy"]
    return Energies(*(energy[name] for name in ("synapse", "soma", "network", "total")))


@dataclass(frozen=True, slots=True)
class Check:
    """One case three times: by our model, as recorded, and by SANA-FE here, if it is installed."""

    case: str
    modelled: Energies
    recorded: Energies
    simulated: Energies | None


def check() -> list[Check]:
    """Run all cases."""
    return [Check(case.name, modelled(case), case.recorded, simulated(case)) for case in CASES]

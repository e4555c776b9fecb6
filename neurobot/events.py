"""What a chip did, counted exactly."""

from dataclasses import astuple, dataclass
from operator import add


@dataclass(frozen=True, slots=True)
class Events:
    """Exact counts of what happened; prices are in `neurobot.cost`.

    A synaptic operation is one spike delivered to one target with a weight other than zero; a
    weight read happens for every target in the row of a neuron that spiked, zero weights included.
    """

    ticks: int = 0
    cycles: int = 0
    stimuli: int = 0  # external input spikes
    spikes: int = 0
    messages: int = 0  # spikes that leave for the other population
    synaptic_ops: int = 0
    weight_reads: int = 0
    current_writes: int = 0
    decays: int = 0
    membrane_updates: int = 0

    def __add__(self, other: "Events") -> "Events":
        return Events(*map(add, astuple(self), astuple(other)))

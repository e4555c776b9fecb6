"""A spiking network of snnTorch as a brain, which states its costs: the extra neurobot[brains]."""

import torch
from snntorch import Leaky

from neurobot.cli import main
from neurobot.cost import Stated
from neurobot.loop import Body, Observation

TICKS = 10
LEVELS = torch.arange(TICKS)[:, None] * 0.618 % 1  # by tick: how near is near enough for a spike
SYNAPTIC_OP_PJ = 23.6  # of Intel's Loihi (Davies et al., IEEE Micro 2018); all else is left out


class Brain:
    """A neuron for each wheel, slowed down by what stands on the other side."""

    clock_hz = 1000.0  # assumed: a tick takes a millisecond

    def attach(self, body: Body) -> None:
        """Wire each beam to the neuron of the other side, those ahead most."""
        ahead = 0.1 * (0.3 + 0.7 * body.beam_cos).clip(0)
        self.weights = torch.tensor(-ahead * [body.beam_sin < 0, body.beam_sin >= 0]).T
        self.motor = Leaky(beta=0.8, init_hidden=True)

    def reset(self, seed: int) -> None:
        """Begin an episode; nothing is left to chance, or remembered."""

    def act(self, observation: Observation) -> torch.Tensor:
        """Turn a scan into spikes, and how often the neurons then fire into wheel commands."""
        spikes = (1 - torch.tensor(observation["range"]) / 2 > LEVELS).double()
        self.motor.reset_mem()
        fired = torch.stack([self.motor(current) for current in 1.1 + spikes @ self.weights])
        self.events = Stated(cycles=TICKS, picojoules=round(SYNAPTIC_OP_PJ * int(spikes.sum())))
        return 1.4 * fired.mean(0) - 0.4


if __name__ == "__main__":
    raise SystemExit(main(["evaluate", "brain_snn:Brain", "--suite", "v1", "--quick"]))

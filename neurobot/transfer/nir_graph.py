"""A configured chip as a graph of the Neuromorphic Intermediate Representation (NIR), if it is one.

What is exported is the chip's float reference, which has no rounding and no end of its registers:
with the time t in ticks, k the position of the highest set bit of tau, and E the stimulus,

    dV/dt = F(V) + I + E,  F = A/8 (R - V) where V < M, else B/8 (V - T),  M = (A R + B T)/(A + B);
    a spike where V >= 256, which sets V = Z;  I decays by the factor 1 - 2**-k in a tick,
    and a spike of weight w adds w (2**k - 1) in all to V, as in the chip; for tau 0 just w.

NIR has linear neurons only. M lies within 0..255, so F has a bend in the range of V, 0..256, unless
M is 0; then A and R do not matter and F = B/8 (V - T), with B = 0 or T = 0. For B = 0 this is a
pure integrator, NIR's IF. For T = 0 the membrane runs away from 0, a leak with a negative time
constant, which no NIR neuron is meant to have. V stops at 0 and NIR's does not, so no input may be
negative. Only networks of pure integrators without inhibition are left: none of the networks that
make an IQIF chip worth having, and none of ours.

A spike, of the input or of a neuron, is a pulse of height 1 that lasts for a tick, as in the chip
and in simulators that step by ticks. That the chip delivers a neuron's spike in the tick after it
is not in the graph: simulators with steps do so by themselves.
"""

import numpy as np

from neurobot.fixed import Ints
from neurobot.poppins import Poppins

try:
    import nir
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "the export to NIR needs the package nir: pip install 'neurobot[nir]'"
    ) from missing

EDGES = (
    ("input", "stimulus"),
    ("stimulus", "neurons"),
    ("neurons", "weights"),
    ("weights", "at_once"),
    ("weights", "current"),
    ("at_once", "neurons"),
    ("current", "neurons"),
    ("neurons", "output"),
)
SPIKE = float(np.nextafter(np.float32(256), np.float32(0)))  # NIR's neuron fires above, not at it


def place(network: Poppins, neuron: int) -> str:
    """Name a neuron of both by its population."""
    size = len(network.first)
    if neuron < size:
        return f"first population, neuron {neuron}"
    return f"second population, neuron {neuron - size}"


def least_input(network: Poppins) -> Ints:
    """Return the least weight or stimulus of each neuron, (N,); 0 where none is below."""
    amplitude, tonic = network.stimulus
    weights = network.weights.min(axis=0, initial=0)
    return np.asarray(np.min([weights, tonic, tonic + amplitude], axis=0), np.int32)


def check_expressible(network: Poppins) -> None:
    """Refuse the first neuron that is more than a pure integrator of inputs above 0."""
    neurons, least = network.neurons, least_input(network)
    bent = (neurons.rest != 0) | (neurons.slope_threshold != 0)
    for j in np.flatnonzero(bent)[:1].tolist():
        raise ValueError(
            f"{place(network, j)}: rest {neurons.rest[j]} and slope_threshold "
            f"{neurons.slope_threshold[j]} found; allowed: 0 and 0, "
            "for NIR has no piecewise-linear or quadratic neuron"
        )
    for j in np.flatnonzero(least)[:1].tolist():
        raise ValueError(
            f"{place(network, j)}: an input of {least[j]} found; allowed: none below 0, "
            "for NIR has no neuron that stops at 0"
        )


def to_nir(network: Poppins, tick_s: float) -> nir.NIRGraph:
    """Export a network of pure integrators, both populations as one of (N,), with ticks so long."""
    if not 0.0 < tick_s < np.inf:
        raise ValueError(f"tick_s = {tick_s} found; allowed: a length of time above 0, in seconds")
    check_expressible(network)
    neurons, count = network.neurons, len(network)
    amplitude, tonic = (values.astype(float) for values in network.stimulus)
    shift, tau_ticks = np.maximum(neurons.shift, 0), np.ones(count)
    lasting = shift > 0  # tau 1, shift 0, takes all of a current before it acts
    tau_ticks[lasting] = -1.0 / np.log1p(-(0.5 ** shift[lasting]))
    nodes = {
        "input": nir.Input({"input": np.array([count])}),
        "stimulus": nir.Affine(np.diag(amplitude), tonic),
        "weights": nir.Linear(network.weights.T.astype(float)),  # (post, pre)
        "at_once": nir.Scale((neurons.tau == 0).astype(float)),
        "current": nir.LI(tau_ticks * tick_s, 2.0**shift - 1.0, np.zeros(count)),
        "neurons": nir.IF(
            np.full(count, 1.0 / tick_s), np.full(count, SPIKE), neurons.reset.astype(float)
        ),
        "output": nir.Output({"output": np.array([count])}),
    }
    return nir.NIRGraph(nodes, list(EDGES))

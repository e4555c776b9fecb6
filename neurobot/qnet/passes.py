"""Which layers a machine can run together: those that make sums, and those that scale them.

Sums (of `Conv`, `Add` and `SumPool`) that only layers that scale them read can be scaled as they
come, and need not be stored.
"""

from collections.abc import Iterator

from neurobot.qnet.conv import Conv
from neurobot.qnet.layers import Add, Layer, SumPool
from neurobot.qnet.network import Network
from neurobot.qnet.scales import Affine, Requant, Scores

SUMMING = (Conv, Add, SumPool)
SCALING = (Requant, Scores, Affine)


def passes(network: Network) -> Iterator[tuple[Layer, tuple[Layer, ...]]]:
    """Yield each layer that is no such part of another one, with those that scale its sums."""
    done = set[str]()
    for layer in network.layers:
        if layer.name in done:
            continue
        readers = tuple(other for other in network.layers if layer.name in other.inputs)
        at_once = isinstance(layer, SUMMING) and all(isinstance(r, SCALING) for r in readers)
        scaling = readers if at_once else ()
        done.update(reader.name for reader in scaling)
        yield layer, scaling

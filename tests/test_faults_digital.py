"""Faults in the digital processor do what they do to a network that was made with them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive_faults import damage, run
from numpy.typing import NDArray
from qnets import networks

from neurobot.faults.digital import ProcessorMemories
from neurobot.mac import MacArray, Processor
from neurobot.qnet import Network

Array = NDArray[Any]
MOST_MACS = 3000
few = settings(deadline=None, database=None, derandomize=True, max_examples=40)


def opened(network: Network, array: MacArray | None = None) -> tuple[Any, ProcessorMemories]:
    """A processor with its memories open, or nothing if a random network does not fit it."""
    assume(network.macs <= MOST_MACS)
    try:
        chip = SimpleNamespace(processor=Processor(network, array))
    except ValueError as error:
        assume(" bits " not in str(error))
        raise
    return chip, ProcessorMemories(chip, None)


def constants(substrate: Any) -> dict[str, dict[str, list[int]]]:
    """What the configured memories hold, by layer and constant."""
    found: dict[str, dict[str, list[int]]] = {}
    for part, memory in enumerate(substrate.memories):
        if not memory.state:
            layer, name = memory.part, "weights"
            if memory.name == "configuration":
                layer, _, name = memory.part.rpartition(".")
            found.setdefault(layer, {})[name] = [int(code) for code in substrate.read(part)]
    return found


def oracle(processor: Processor, substrate: Any, image: Array, touch: Any = None) -> Array:
    """The scores of a network that has what the memories hold."""
    signals = processor.network.signals
    bits = {
        conv.name: max(conv.weight_bits, signals[conv.inputs[0]].bits)
        for conv in processor.network.convs
    }
    layers = {layer.name: layer for layer in processor.network.layers}
    others = {
        name: damage(layers[name], codes, bits.get(name, 0))
        for name, codes in constants(substrate).items()
    }
    last = run(processor.network, others, image, touch)[processor.network.layers[-1].name]
    return np.array([last[0, 0, c] for c in range(len(last))])


def scatter(substrate: Any, rng: np.random.Generator, share: float) -> None:
    """Write codes of chance to some places of all configured memories."""
    for part, memory in enumerate(substrate.memories):
        if not memory.state:
            values = np.flatnonzero(rng.random(memory.values) < share)
            top = (1 << memory.bits) - 1
            codes = rng.integers(0, top, len(values), np.uint64, endpoint=True)
            substrate.write(part, values, codes)


@few
@given(data=st.data(), real=st.booleans(), seed=st.integers(0, 1 << 30))
def test_any_codes_compute_what_a_network_of_them_does(
    data: st.DataObject, real: bool, seed: int
) -> None:
    network, image = data.draw(networks(real=real))
    chip, substrate = opened(network)
    sound, golden = chip.processor.run(image), constants(substrate)
    rng = np.random.default_rng(seed)
    for share in (0.02, 0.5):
        scatter(substrate, rng, share)
        found = chip.processor.run(image)
        np.testing.assert_array_equal(found, oracle(chip.processor, substrate, image))
    for part, memory in enumerate(substrate.memories):
        if memory.state:
            continue
        layer, name = memory.part, "weights"
        if memory.name == "configuration":
            layer, _, name = memory.part.rpartition(".")
        codes = np.array(golden[layer][name], np.uint64)
        substrate.write(part, np.arange(memory.values), codes)
    assert chip.processor.run(image).tobytes() == sound.tobytes()

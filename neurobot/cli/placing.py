"""Options of commands that place plain networks on arrays of memory cells, and what they do."""

import argparse
from inspect import signature
from typing import Any

from neurobot.column_cim.layers import on_arrays
from neurobot.column_cim.placing import EDGES, onto_arrays, with_adc
from neurobot.column_cim.trials import OWN, AdcBits
from neurobot.qnet import ENCODINGS, Network
from neurobot.qnet.columns import MOST_ADC_BITS
from neurobot.qnet.runner import Array

IDEAL = "ideal"
USUAL = {name: each.default for name, each in signature(onto_arrays).parameters.items()}
PLACING = ("rows", "cell_bits", "encoding", "dac_bits", "edges")


def read_adc_bits(text: str) -> int | None:
    """Read bits of a converter, or `ideal`."""
    if text == IDEAL:
        return None
    if text.isdecimal() and 1 <= int(text) <= MOST_ADC_BITS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} found; allowed: 1..{MOST_ADC_BITS}, or {IDEAL}")


def add_placing(options: argparse.ArgumentParser) -> None:
    """Declare how a plain network is to lie on arrays; one that was trained on them says so."""
    group = options.add_argument_group(
        "for a plain network, which is placed on arrays as it is, its converters calibrated"
    )

    def add(name: str, text: str, **kind: Any) -> None:
        usual = f"(default: {USUAL[name]})"
        group.add_argument(f"--{name.replace('_', '-')}", help=f"{text} {usual}", **kind)

    add("rows", "of an array", type=int, metavar="N")
    add("cell_bits", "of a memory cell", type=int, metavar="N")
    add("encoding", "of signed weights in cells", choices=ENCODINGS)
    add("dac_bits", "of an input that are applied at a time", type=int, metavar="N")
    add("edges", "where the first and the last layer go", choices=EDGES)


def usual_bits(network: Network) -> AdcBits:
    """Return what converters are where nothing is asked for: a network's own, if it has any."""
    bits: AdcBits = OWN if on_arrays(network) else USUAL["adc_bits"]
    return bits


def placed(
    where: str, network: Network, adc_bits: AdcBits, images: Array | None, args: argparse.Namespace
) -> Network:
    """Return a network on arrays with such converters; where: its file.

    images: (N, rows, columns, channels), on which a plain network's converters are calibrated, or
    None; those of one that was trained on arrays are stretched.
    """
    given = {name: getattr(args, name) for name in PLACING if getattr(args, name) is not None}
    try:
        if not on_arrays(network):
            return onto_arrays(network, adc_bits=adc_bits, images=images, **given)  # type: ignore[arg-type]
        for name in given:
            raise ValueError(
                f"--{name.replace('_', '-')} found for a network on arrays; allowed: a plain one"
            )
        return network if adc_bits == OWN else with_adc(network, adc_bits)  # type: ignore[arg-type]
    except ValueError as refused:
        raise ValueError(f"{where}: {refused}") from refused

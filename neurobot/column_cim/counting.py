"""What a layer makes the machine do, by image, and for how long.

All arrays of a layer take the same places of the map, one after the other. In each cycle of an
input the rows that it drives are on, and each converter serves its columns one after the other,
meanwhile the next inputs are read. Codes are dequantized as they come. Inputs of a place are read
from the feature memories once by tile, as many words as its rows take, whether or not they lie on
the map.

The digital unit does as many products a cycle as it has lanes; a word of weights that it reads
serves as many places as that. Conversions and its products are not left out where inputs are 0.
Memories give and take as many words in a cycle as are asked for. Reference columns, which cells
that leak need, are not counted. All of this is assumed.
"""

from typing import NamedTuple

from neurobot.column_cim.mapping import Mapping
from neurobot.column_cim.silicon import Silicon
from neurobot.events import CimEvents
from neurobot.qnet import ColumnConv, Conv
from neurobot.qnet.memories import bits_of, feature_bits, map_words, scale_words, words
from neurobot.qnet.passes import Pass


class Drive(NamedTuple):
    """What one input other than 0, in one cycle of one window, makes arrays do."""

    row_drives: int = 0
    drive_bits: int = 0
    cell_reads: int = 0
    input_sums: int = 0

    def times(self, taps: int) -> CimEvents:
        """Return what so many of them make arrays do."""
        return CimEvents(**{name: each * taps for name, each in self._asdict().items()})


def drive_of(mapping: Mapping) -> Drive:
    """Return what an input other than 0 makes arrays do: in each block of columns."""
    return Drive(
        mapping.blocks,
        mapping.blocks * mapping.drive_bits,
        mapping.made * mapping.slices,
        int(mapping.offset),
    )


def places_of(part: Pass) -> int:
    """Return how many windows there are."""
    return part.made[0].shape[0] * part.made[0].shape[1]


def count_arrays(conv: ColumnConv, mapping: Mapping, part: Pass, silicon: Silicon) -> CimEvents:
    """Count what a layer on arrays takes, whatever its inputs are."""
    kind = "ideal_conversions" if conv.adc_bits is None else f"conversions_{conv.adc_bits}b"
    served = min(mapping.used_columns, silicon.columns_per_adc)
    each = served * silicon.conversion_cycles(conv.adc_bits, mapping.rows)
    dequantized = -(-mapping.accumulations // silicon.dequantizers)
    bits = feature_bits(bits_of(part.given[0]))
    return CimEvents(
        cycles=max(mapping.places * mapping.cycles * each, dequantized),
        array_macs=mapping.macs,
        shift_adds=mapping.shift_adds,
        dequantizations=mapping.multiplies,
        accumulations=mapping.accumulations,
        corrections=mapping.corrections,
        feature_reads=mapping.places
        * sum(words(rows * bits, silicon) for rows in conv.tiling.rows_used),
        **{kind: mapping.conversions},
    )


def count_digital(conv: Conv, part: Pass, silicon: Silicon) -> CimEvents:
    """Count what a layer takes on the digital unit."""
    places, bits = places_of(part), feature_bits(bits_of(part.given[0]))
    macs = places * conv.weights.size
    inputs = conv.weights[0].size * conv.groups
    return CimEvents(
        cycles=-(-macs // silicon.digital_lanes),
        digital_macs=macs,
        weight_reads=-(-places // silicon.digital_lanes) * weight_words(conv, silicon),
        feature_reads=places * words(inputs * bits, silicon),
    )


def weight_words(conv: Conv, silicon: Silicon) -> int:
    """Return how many words hold the weights of a layer on the digital unit."""
    return words(conv.weights.size * feature_bits(conv.weight_bits + conv.odd), silicon)


def count_rest(part: Pass, silicon: Silicon) -> CimEvents:
    """Count what is done to a layer's results, and what a layer without weights reads."""
    reads = (map_words(signal, silicon) for signal in part.given)
    return CimEvents(
        cycles=-(-part.outputs // silicon.post_lanes),
        weight_reads=scale_words(part, silicon),
        feature_reads=0 if isinstance(part.layer, Conv) else sum(reads),
        feature_writes=sum(map_words(signal, silicon) for signal in part.made),
        **part.finishing,
    )

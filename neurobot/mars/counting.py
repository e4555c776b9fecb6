"""What a layer makes the machine do, by image.

For each place a tile's inputs are read from the feature memories once, as many words as its rows
take, whether or not they lie on the map. A tile begins at a word; scales are read once, and held,
and so is the index of a core's blocks, resident or not. Memories give and take as many words in a
cycle as are asked for. All of this is assumed.
"""

from neurobot.events import MarsEvents
from neurobot.mars.schedule import Load, Timing, dealt_out
from neurobot.mars.silicon import SLOTS, Silicon
from neurobot.qnet.memories import feature_bits, words


def index_words(load: Load, silicon: Silicon) -> list[int]:
    """Return how many words the index takes of each core."""
    return [words(sum(bits), silicon) for bits in dealt_out(load, load.index, silicon)]


def count(load: Load, timing: Timing, silicon: Silicon) -> MarsEvents:
    """Count what a layer does in so much time."""
    columns = silicon.columns(load.slot)
    met = load.places * load.tiles
    macs = met * silicon.rows * columns
    mode = f"macs_{load.slot}w{SLOTS[load.input_bits > SLOTS[0]]}a"
    tile_words = words(silicon.tile_bits(load.slot), silicon)
    aside = sum(timing.crossings) * load.places * columns
    return load.rest + MarsEvents(
        cycles=timing.cycles,
        **{mode: macs},
        padded_macs=macs - (load.macs - load.skipped),
        skipped_macs=load.skipped,
        accesses=timing.accesses,
        accumulations=timing.accesses * columns,
        weight_reads=timing.written * tile_words + load.scale_words,
        weight_writes=timing.written * tile_words,
        index_reads=sum(index_words(load, silicon)),
        feature_reads=met * words(silicon.rows * feature_bits(load.input_bits), silicon),
        partial_reads=aside,
        partial_writes=aside,
    )

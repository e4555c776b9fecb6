"""Which part of a brain's hardware an event belongs to, in words that all chips share."""

from collections.abc import Mapping

from neurobot.cost import Tariff
from neurobot.events import CONVERSIONS, MODE_FIELDS

LEAKAGE = "leakage"
# Of every chip, its priced events by the part of the hardware that they happen in.
COMPONENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "poppins": {
        "weight memory": ("weight_reads", "synaptic_ops"),
        "sums and neurons": ("current_writes", "decays", "membrane_updates"),
        "control": ("cycles",),
    },
    "mac": {
        "products": MODE_FIELDS,
        "weight memory": ("weight_reads", "weight_loads"),
        "activation memory": ("activation_reads", "activation_writes"),
        "sums and neurons": (
            *("accumulations", "sum_accumulations", "partial_reads", "partial_writes"),
            *("offset_additions", "requantizations", "affines_fp32"),
            *("additions", "additions_fp32", "maxima"),
        ),
        "control": ("cycles",),
    },
    "insight": {
        "products": ("macs", "still_macs"),
        "activation memory": ("line_writes", "word_shifts"),
        "sums and neurons": ("tree_sums", "evaluations", "comparisons"),
        "control": ("samples", "cycles"),
    },
    "mars": {
        "products": ("macs_4w4a", "macs_4w8a", "macs_8w4a", "macs_8w8a"),
        "weight memory": ("weight_reads", "weight_writes", "index_reads"),
        "activation memory": ("feature_reads", "feature_writes"),
        "sums and neurons": (
            *("accumulations", "partial_reads", "partial_writes"),
            *("requantizations", "additions", "maxima"),
        ),
        "control": ("cycles",),
    },
    "cim": {
        "products": ("cell_reads", "drive_bits", "digital_macs"),
        "converters": CONVERSIONS,
        "weight memory": ("weight_reads",),
        "activation memory": ("feature_reads", "feature_writes"),
        "sums and neurons": (
            *("shift_adds", "dequantizations", "accumulations", "input_sums", "corrections"),
            *("requantizations", "additions", "maxima"),
        ),
        "control": ("cycles",),
    },
}
PARTS = (
    *("products", "converters", "weight memory", "activation memory"),
    *("sums and neurons", "control", LEAKAGE),
)


def parts_of(chip: str, tariff: Tariff) -> Mapping[str, tuple[str, ...]]:
    """Return a chip's events by part; those of somebody else's chip by their own names."""
    return COMPONENTS.get(chip) or {name: (name,) for name in tariff.prices}

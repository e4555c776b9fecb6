"""Comparable chips, as their papers and surveys publish them; None: not found, never guessed.

Counts of neurons and synapses are rounded as their sources round them (64 k is 64 000).
"""

from dataclasses import dataclass

SENECA = "SENECA paper, table 3, Front. Neurosci. 2023 (PMC10326429)"
GUIDE = "Open Neuromorphic hardware guide (open-neuromorphic.org)"


@dataclass(frozen=True, slots=True)
class Peer:
    """A chip, what it holds, and what a synaptic operation (SOP) takes."""

    chip: str
    node_nm: int | None
    neurons: int | None
    synapses: int | None
    pj_per_sop: float | None
    remarks: str
    source: str
    evidence: str = "published"
    pj_low: float | None = None  # range of a modelled one
    pj_high: float | None = None


PEERS = (
    Peer(
        "POPPINS",
        180,
        None,
        None,
        13.2,
        "two populations; the energy is normalized, how is unknown",
        "ISCAS 2021, DOI 10.1109/ISCAS51556.2021.9401426 (abstract)",
    ),
    Peer(
        "ODIN",
        28,
        256,
        64_000,
        12.7,
        "FDSOI, 0.55 V, 0.086 mm2, 3-bit weights, on-line learning; 2 cycles per synaptic event",
        "arXiv 1804.07858; github.com/ChFrenkel/ODIN",
    ),
    Peer(
        "ReckOn",
        28,
        256,
        None,
        5.3,
        "FDSOI, 0.5 V, 20 to 150 uW, 0.45 mm2, 8-bit weights",
        f"arXiv 2208.09759; {SENECA}",
    ),
    Peer(
        "MorphIC",
        65,
        2_000,
        2_000_000,
        None,
        "more than 2 M binary synapses, 2.86 mm2, on-line learning",
        "arXiv 1904.08513",
    ),
    Peer(
        "uBrain",
        40,
        None,
        None,
        26.0,
        "no clock, 70 uW, 1.42 mm2 core",
        f"DOI 10.3389/fnins.2021.664208; {SENECA}",
    ),
    Peer(
        "Loihi",
        14,
        131_000,
        130_000_000,
        23.6,
        "60 mm2, 0.5 to 1.25 V, below 1.5 W",
        f"DOI 10.1109/MM.2018.112130359; {SENECA}; {GUIDE}",
    ),
    Peer(
        "Loihi 2",
        None,
        1_000_000,
        120_000_000,
        None,
        "process Intel 4 by a secondary source, 31 mm2, about 1 W",
        f"{GUIDE}; {SENECA}",
    ),
    Peer(
        "TrueNorth",
        28,
        1_000_000,
        256_000_000,
        2.5,
        "400 GSOPS/W at its peak; 58 GSOPS, 65 mW at 0.75 V",
        f"{SENECA}; {GUIDE}",
    ),
    Peer("Tianjic", 28, 40_000, 10_000_000, 1.54, "about 1 W", f"{SENECA}; {GUIDE}"),
    Peer("SpiNNaker", None, None, None, 45.0, "neurons are software on processor cores", SENECA),
    Peer(
        "SpiNNaker2",
        22,
        152_000,
        152_000_000,
        10.0,
        "FDSOI, down to 0.5 V, 2 to 5 W",
        f"{SENECA}; {GUIDE}",
    ),
    Peer("SENECA", None, None, None, 2.8, "programmable cores", SENECA),
    Peer("NeuronFlow", None, None, None, 20.0, "", SENECA),
    Peer("SNE", None, None, None, 0.221, "convolutions of events, 4.5 TOP/s/W", "arXiv 2204.10687"),
    Peer("THOR", 28, None, None, None, "FDSOI, 0.9 V, 400 MHz", "arXiv 2212.01696"),
    Peer(
        "Akida AKD1000",
        28,
        1_200_000,
        10_000_000_000,
        None,
        "100 uW to 300 mW, about 30 mW typical by a secondary source",
        GUIDE,
    ),
    Peer(
        "DYNAP-SE2",
        180,
        1_024,
        65_000,
        None,
        "mixed-signal, 4-bit weights, 98 mm2, about 5 mW",
        GUIDE,
    ),
    Peer(
        "ROLLS",
        180,
        256,
        None,
        None,
        "mixed-signal, 128 k plastic and 256 k programmable synapses, 51.4 mm2, about 5 mW",
        GUIDE,
    ),
    Peer(
        "Xylo",
        28,
        1_000,
        278_000,
        None,
        "8-bit weights, 16-bit states, decay by bit shift, up to 250 MHz, 6.5 mm2",
        GUIDE,
    ),
    Peer(
        "OpenSpike",
        130,
        None,
        1_000_000,
        None,
        "more than 1 M weights, 40 MHz, 1.8 V, 33.3 mm2, 56.8 GOPS/W",
        "github.com/sfmth/OpenSpike",
    ),
)

"""The data sheet of a configured chip at a workload: silicon, timing, energy, and its peers.

Every figure is *modelled*. Sizes, clock and cycles of the chip are not published, hence assumed; a
computed figure is as well known as the weakest of what it is made of, and at best derived. Ranges:

* silicon: low: what this network fills; high: what each neuron may hold besides;
* timing, at the same clock and for the same ticks: low: as many lanes as a population has neurons;
  high: 2 cycles per synaptic event, as ODIN takes (github.com/ChFrenkel/ODIN), and a scheduler that
  scans every matrix entry at every tick;
* energy: that of the prices, for the same counts and cycles; the tables' prices are those of the
  default chip, `hardware.pricing` brings them to others.
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from neurobot.cost import COST_TABLES, Tariff, tables_of
from neurobot.events import Events
from neurobot.hardware.energy import energy, per_decision, per_operation, spend
from neurobot.hardware.figures import Figure, Row, Spread
from neurobot.hardware.peers import PEERS, Peer
from neurobot.hardware.pricing import fit
from neurobot.hardware.workload import Workload, everyone, extremes
from neurobot.neurons import RANGES, SPIKE_LEVEL
from neurobot.poppins import Chip, Poppins

BITS_PER_KB = 8 * 1024
PICOJOULES_PER_J = 1e12
ODIN_CYCLES_PER_READ = 2
MEMBRANE_BITS = SPIKE_LEVEL.bit_length()
# A shift of 0 would undo every input: it can stand for no decay.
SHIFT_BITS = (RANGES["tau"][1].bit_length() - 1).bit_length()
CONSTANTS_BITS = SHIFT_BITS + sum(
    high.bit_length() for name, (_, high) in RANGES.items() if name != "tau"
)


def capacity(chip: Chip) -> tuple[int, int]:
    """Return how many neurons and weights the chip holds: any population may feed any."""
    return 2 * chip.neurons, 4 * chip.neurons**2


def matrices(network: Poppins) -> dict[str, int]:
    """Return how many weights this network has in each matrix of the chip."""
    first, second = len(network.first), len(network.second)
    return {
        "first to first": first * first,
        "first to second": 0 if network.forward is None else first * second,
        "second to first": 0 if network.backward is None else second * first,
        "second to second": second * second,
    }


NOTES = {
    "accumulation": "mean of the workload",
    "decay and membrane": "one after the other, not told apart",
    "membranes": "8 bits each: published",
    "neuron constants": "rest, threshold, reset, two slopes, decay shift (images hold tau itself, "
    "16 bits); high: and where the slope changes",
    "stimulus": "high: the tonic stimulus and that of input spikes apart, as images hold them",
}


def bits_each(chip: Chip) -> dict[str, int]:
    """Return what a neuron holds in each memory, in bits."""
    return {
        "currents": chip.current_bits,
        "membranes": MEMBRANE_BITS,
        "neuron constants": CONSTANTS_BITS,
        "stimulus": chip.stimulus_bits,
    }


def held_bits(chip: Chip) -> int:
    """Return the size of all memories of a chip."""
    neurons, synapses = capacity(chip)
    return chip.weight_bits * synapses + neurons * sum(bits_each(chip).values())


def memories_bits(network: Poppins) -> dict[str, Spread]:
    """Return the size of each memory of the chip."""
    chip = network.chip
    held, synapses = capacity(chip)
    entries = synapses // 4
    weights = {
        f"weights, {name}": chip.weight_bits * np.array([entries, used, entries])
        for name, used in matrices(network).items()
    }
    more = {"neuron constants": MEMBRANE_BITS, "stimulus": chip.stimulus_bits}
    return weights | {
        name: np.array([held * bits, len(network) * bits, held * (bits + more.get(name, 0))])
        for name, bits in bits_each(chip).items()
    }


def tariffs(chip: Chip) -> dict[str, Tariff]:
    """Return the prices of all cost tables that have some, for this chip."""
    memory_factor = held_bits(chip) / held_bits(Chip())
    return {
        name: fit(table.tariffs[Events.chip], chip, memory_factor)
        for name, table in tables_of(Events.chip).items()
    }


def silicon(network: Poppins) -> list[Row]:
    """List what the chip holds."""
    used = network.deliveries(everyone(network))
    neurons, synapses = capacity(network.chip)
    memories = memories_bits(network)
    total = np.sum(list(memories.values()), axis=0)
    not_zero = f"{used.synaptic_ops} of this network's are not 0"
    return [
        Row("process", np.array(PEERS[0].node_nm), "nm", "published"),
        Row("populations", np.array(2), "", "published"),
        Row("membrane", np.array(MEMBRANE_BITS), "bit", "published"),
        Row("neurons", np.array([neurons, len(network), neurons]), "", note="two populations"),
        Row("synapses", np.array([synapses, used.weight_reads, synapses]), "", note=not_zero),
        *(Row(name, bits, "bit", note=NOTES.get(name, "")) for name, bits in memories.items()),
        Row("all memories", total, "bit"),
        Row("all memories together", total / BITS_PER_KB, "kB"),
    ]


def phases(workload: Workload) -> dict[str, Spread]:
    """Return the mean cycles that each phase of a tick takes."""
    network, events = workload.network, workload.events
    chip, all_fire = network.chip, everyone(network)
    fast = replace(network, chip=replace(chip, lanes=max(chip.lanes, chip.neurons)))
    cycles_per_read = max(chip.cycles_per_read, ODIN_CYCLES_PER_READ)
    slow = replace(network, chip=replace(chip, cycles_per_read=cycles_per_read))
    fixed = np.array([one.bill.cycles_per_tick for one in (network, fast, slow)])
    measured = events.cycles / events.ticks - fixed[0]
    whole = fast.deliveries(all_fire)
    share = events.weight_reads / events.ticks / whole.weight_reads
    reading = [measured, share * whole.cycles, slow.deliveries(all_fire).cycles]
    return {
        "scheduling": np.array(chip.cycles_per_tick),
        "accumulation": np.array(reading),
        "decay and membrane": fixed - chip.cycles_per_tick,
    }


def tick_cycles(workload: Workload) -> Spread:
    """Return the mean cycles of a tick."""
    return np.asarray(sum(phases(workload).values()))


def latency_s(workload: Workload) -> Spread:
    """Return the mean time of a decision."""
    cycles = workload.ticks_per_decision * tick_cycles(workload)
    return np.asarray(cycles / workload.network.chip.clock_hz)


def timing(workload: Workload) -> list[Row]:
    """List how long ticks and decisions take."""
    tick, latency = tick_cycles(workload), latency_s(workload)
    clock_hz = workload.network.chip.clock_hz
    return [
        Row("clock", np.array(clock_hz), "Hz"),
        *(
            Row(f"tick, {name}", cycles, "cycles", note=NOTES.get(name, ""))
            for name, cycles in phases(workload).items()
        ),
        Row("tick", tick, "cycles"),
        Row("ticks of a decision", np.array(workload.ticks_per_decision), ""),
        Row("cycles of a decision", latency * clock_hz, ""),
        Row("latency", latency, "s"),
        Row("tick rate", clock_hz / tick, "1/s", note="at most"),
        Row("decision rate", 1 / latency, "1/s", note="at most"),
    ]


def in_short(workload: Workload) -> list[Row]:
    """List what a workload takes by all cost tables."""
    rows = [Row("latency", latency_s(workload), "s")]
    for name, tariff in tariffs(workload.network.chip).items():
        busy = Row("power while deciding", spend(workload, tariff).total / workload.busy_s, "W")
        found = [per_decision(workload, tariff), busy, *per_operation(workload, tariff)]
        rows += [row._replace(name=f"{row.name}, {name}") for row in found]
    return rows


def datasheet(workload: Workload, rate_hz: float) -> list[Figure]:
    """Return every figure of a configured chip that decides so often."""
    if not 0 < rate_hz <= workload.most_hz:
        raise ValueError(
            f"rate_hz={rate_hz:g} is out of range: above 0, up to {workload.most_hz:g}, "
            "one decision after the other"
        )
    sections = {"silicon": silicon(workload.network), "timing": timing(workload)}
    for name, tariff in tariffs(workload.network.chip).items():
        sections[f"energy, {name}"] = energy(workload, tariff, rate_hz)
    for name, extreme in extremes(workload).items():
        sections[f"workload, {name}"] = in_short(extreme)
    return [row.figure(section) for section, rows in sections.items() for row in rows]


def modelled(workload: Workload, name: str, tariff: Tariff) -> list[Peer]:
    """Put this chip, as a cost table models it, into lines of the comparison: one per sense."""
    table = COST_TABLES[name]
    neurons, synapses = capacity(workload.network.chip)
    peers = []
    for row in per_operation(workload, tariff):
        picojoules = None if row.quantity is None else row.quantity * PICOJOULES_PER_J
        line = row._replace(quantity=picojoules).figure("comparison")
        peers.append(
            Peer(
                chip=f"POPPINS by {name}, per {line.name}",
                node_nm=table.node_nm,
                neurons=neurons,
                synapses=synapses,
                pj_per_sop=line.value,
                remarks="by the events of this workload, without leakage; sizes assumed",
                source=table.provenance,
                evidence=line.evidence,
                pj_low=line.low,
                pj_high=line.high,
            )
        )
    return peers


def comparison(workload: Workload) -> list[Peer]:
    """Return published chips, and this one by the cost tables that do not quote its own figure."""
    known = tariffs(workload.network.chip)
    bottom_up = {name: each for name, each in known.items() if "synaptic_ops" not in each.prices}
    return [*PEERS, *(peer for item in bottom_up.items() for peer in modelled(workload, *item))]


def plain(workload: Workload, rate_hz: float) -> dict[str, Any]:
    """Return the sheet and the comparison as what JSON can hold."""
    return {
        "decisions": workload.decisions,
        "rate_hz": rate_hz,
        "events": asdict(workload.events),
        "figures": [asdict(figure) for figure in datasheet(workload, rate_hz)],
        "comparison": [asdict(peer) for peer in comparison(workload)],
    }

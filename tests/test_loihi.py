"""The event model against known answers: Loihi's prices on cases that SANA-FE has run."""

import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from neurobot.events import Events
from neurobot.hardware.loihi import (
    CASES,
    LOIHI,
    Case,
    Energies,
    check,
    count_events,
    modelled,
    simulated,
)

# As printed, in uJ: synapse, soma, network, total.
PRINTED = {
    "64 targets": ("1.454080", "0.137536", "0.073728", "1.665344"),
    "128 targets": ("2.908160", "0.184128", "0.073728", "3.166016"),
    "silent": ("0.000000", "0.093184", "0.000000", "0.093184"),
}


def printed(energies: Energies) -> tuple[str, ...]:
    return tuple(f"{joules * 1e6:.6f}" for joules in energies)


def test_every_case_has_the_known_energies_to_all_digits() -> None:
    assert [case.name for case in CASES] == list(PRINTED)
    for case in CASES:
        assert printed(modelled(case)) == PRINTED[case.name], case.name
        assert printed(case.recorded) == PRINTED[case.name], case.name
        assert modelled(case) == pytest.approx(case.recorded, rel=1e-12), case.name


def test_the_known_energies_are_those_counts_at_those_prices() -> None:
    for name, targets, spikes in (("64 targets", 64, 640), ("128 targets", 128, 640),
                                  ("silent", 64, 0)):  # fmt: skip
        price = {
            event: Decimal(str(round(1e12 * price.nominal, 6)))
            for event, price in LOIHI.prices.items()
        }
        synapse = spikes * targets * price["synaptic_ops"]
        soma = 10 * (64 + targets) * price["membrane_updates"] + spikes * price["spikes"]
        network = spikes * price["messages"]
        by_hand = (synapse, soma, network, synapse + soma + network)
        assert tuple(f"{picojoules / 10**6:.6f}" for picojoules in by_hand) == PRINTED[name]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_our_chip_counts_the_events_itself(case: Case) -> None:
    events = count_events(case.network())
    spikes, updates = 640 * case.spiking, 10 * (64 + case.targets)
    reads = spikes * (64 + case.targets)  # the weights of 0 inside the first population as well
    assert events == Events(
        ticks=10,
        cycles=10 * (4 + 2 * (64 + case.targets)) + reads,
        spikes=spikes,
        messages=spikes,
        synaptic_ops=spikes * case.targets,
        weight_reads=reads,
        current_writes=reads + updates,
        decays=updates,
        membrane_updates=updates,
    )


def test_the_last_tick_s_spikes_are_delivered_after_the_run() -> None:
    network = CASES[0].network()
    _, run = network.decide(np.zeros((10, 128), np.bool_), np.zeros(0, np.int32))
    assert run.synaptic_ops == 9 * 64 * 64
    assert count_events(network).synaptic_ops == 40_960


def test_prices_without_a_range_are_the_same_at_every_bound() -> None:
    events = Events(synaptic_ops=3, membrane_updates=5, spikes=7, messages=11)
    nominal = LOIHI.dynamic_j(events)
    assert nominal == pytest.approx((3 * 35.5 + 5 * 72.8 + 7 * 69.3 + 11 * 115.2) * 1e-12)
    assert LOIHI.dynamic_j(events, "low") == LOIHI.dynamic_j(events, "high") == nominal
    assert {price.evidence for price in LOIHI.prices.values()} == {"published"}


def test_without_sana_fe_the_check_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sanafe", None)
    checks = check()
    assert [one.case for one in checks] == list(PRINTED)
    assert [one.simulated for one in checks] == [None] * 3
    assert [printed(one.modelled) for one in checks] == list(PRINTED.values())


def test_sana_fe_gives_the_same_energies_and_leaves_no_traces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sanafe", reason="the cross-check needs SANA-FE: pip install sanafe")
    monkeypatch.chdir(tmp_path)
    for case in CASES:
        found = simulated(case)
        assert found is not None
        assert printed(found) == PRINTED[case.name], case.name
        assert modelled(case) == pytest.approx(found, rel=1e-9), case.name
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []

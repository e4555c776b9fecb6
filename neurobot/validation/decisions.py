"""What matters in the end: whether the robot's brain decides with floats as with integers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from neurobot.decode import NO_WINNER
from neurobot.fixed import Ints
from neurobot.iqif import trace
from neurobot.validation.variants import FLOAT, VARIANTS, run_chip
from neurobot.validation.windows import Windows

MOST = 8  # units; larger margins are counted together
RESAMPLES = 2000


@dataclass(frozen=True)
class Choices:
    """The decisions of one source, (W,) each: a move, or NO_WINNER."""

    windows: Windows
    chip: Ints
    margin: Ints  # units, 1..MOST; 0 where nobody won
    others: dict[str, Ints]  # by variant

    def agree(self, variant: str) -> NDArray[np.bool_]:
        """Where a variant decides as the chip does, (W,)."""
        return np.asarray(self.others[variant] == self.chip)

    @property
    def near(self) -> NDArray[np.bool_]:
        """Where the floats choose the chip's direction or the one beside it, (W,)."""
        angles = self.windows.angles_rad
        pairs = np.stack([self.chip, self.others[FLOAT]])
        both = ((pairs != NO_WINNER) & ~np.isnan(angles[pairs])).all(axis=0)
        return np.asarray(self.agree(FLOAT) | (both & (np.abs(pairs[0] - pairs[1]) == 1)))


def margins(windows: Windows, chosen: Ints) -> Ints:
    """How much less stimulus of the winning neuron changes the chip's decision, (W,).

    In potential units, taken from every tick of the window; 0 where nobody won.
    """
    found = np.zeros(len(windows), np.int32)
    silicon = windows.network.silicon
    for w, winner in enumerate(chosen):
        if winner == NO_WINNER:
            continue
        drive = windows.drives[w].copy()
        for units in range(1, MOST + 1):
            drive[:, windows.drivers[winner]] -= 1
            found[w] = units
            if windows.winners(trace(silicon, drive).spikes[None])[0] != winner:
                break
    return found


def choose(windows: Windows) -> Choices:
    """Let the chip and every variant decide each window, to its end."""
    chip = windows.winners(run_chip(windows.network, windows.drives).spikes)
    others = {
        name: windows.winners(model(windows.network, windows.drives).spikes)
        for name, model in VARIANTS.items()
    }
    return Choices(windows, chip, margins(windows, chip), others)


def by_margin(choices: list[Choices]) -> list[dict[str, Any]]:
    """Agreement with the floats by margin."""
    margin = np.concatenate([c.margin for c in choices])
    agree = np.concatenate([c.agree(FLOAT) for c in choices])
    rows = []
    for units in range(MOST + 1):
        here = margin == units
        if here.any():
            rows.append(
                {
                    "margin": units,
                    "windows": int(here.sum()),
                    "disagree": int((~agree[here]).sum()),
                    "agreement": float(agree[here].mean()),
                    "agreement_from_here": float(agree[margin >= units].mean()),
                }
            )
    return rows


def by_source(choices: list[Choices]) -> list[dict[str, Any]]:
    """Agreement with the floats by task."""
    return [
        {
            "source": c.windows.name,
            "windows": len(c.windows),
            "agreement": float(c.agree(FLOAT).mean()),
            "near": float(c.near.mean()),
            "median_margin": float(np.median(c.margin)),
        }
        for c in choices
    ]


def differences(choices: list[Choices]) -> list[dict[str, Any]]:
    """Every window that the floats decide otherwise: where, what, and by what margin."""
    return [
        {
            "source": c.windows.name,
            "window": int(w),
            "chip": int(c.chip[w]),
            "float": int(c.others[FLOAT][w]),
            "neighbours": bool(c.near[w]),
            "margin": int(c.margin[w]),
        }
        for c in choices
        for w in np.flatnonzero(~c.agree(FLOAT))
    ]


def interval(choices: list[Choices], seed: int) -> list[float]:
    """95 % interval of the agreement with the floats, by a bootstrap over whole episodes."""
    agree, count = [], []
    for c in choices:
        agree.append(np.bincount(c.windows.episodes, c.agree(FLOAT)))
        count.append(np.bincount(c.windows.episodes))
    found = scipy.stats.bootstrap(
        (np.concatenate(agree), np.concatenate(count)),
        lambda agreed, windows: agreed.sum() / windows.sum(),
        paired=True,
        vectorized=False,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=seed,
    )
    return [float(end) for end in found.confidence_interval]


def agreement(choices: list[Choices], variant: str) -> float:
    """Share of all windows that a variant decides as the chip does."""
    return float(np.concatenate([c.agree(variant) for c in choices]).mean())

"""How charts look: colours by name, which the page's style sheet gives values to, and layouts."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from neurobot.report.words import quantity

Part = dict[str, Any]

# Okabe and Ito's colours, which colour-blind readers can tell apart: one for each chip.
HUES = {
    "poppins": "blue",
    "mac": "vermillion",
    "insight": "green",
    "mars": "purple",
    "cim": "orange",
}
MOST_DECADES = 3  # of an axis that tells 2 and 5 of each
OTHER_CHIP, NO_CHIP = "sky", "soft"
SYMBOLS = (
    *("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star"),
    *("pentagon", "hexagon", "bowtie", "hourglass", "star-square", "star-diamond"),
)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
AXIS: Part = {
    "gridcolor": "@faint",
    "linecolor": "@soft",
    "tickcolor": "@soft",
    "zeroline": False,
    "showline": True,
    "ticks": "outside",
    "ticklen": 4,
    "title": {"standoff": 8},
}


class Look(NamedTuple):
    """How a brain is told from others: its chip by the colour, itself by symbol and dashes."""

    hue: str
    symbol: str
    dash: str


def looks(chips: dict[str, str | None]) -> dict[str, Look]:
    """Give each brain a look; chips: of each brain, None where it counts nothing."""
    seen: dict[str, int] = {}
    found = {}
    for brain, chip in chips.items():
        hue = NO_CHIP if chip is None else HUES.get(chip, OTHER_CHIP)
        k = seen[hue] = seen.get(hue, -1) + 1
        found[brain] = Look(hue, SYMBOLS[k % len(SYMBOLS)], DASHES[k % len(DASHES)])
    return found


def plain(text: str) -> str:
    """Escape what a chart would take for markup."""
    return escape(text, quote=False)


def axis(title: str, **more: Any) -> Part:
    """Describe an axis."""
    return {**AXIS, **more, "title": {**AXIS["title"], "text": title}}


def log_axis(title: str, unit: str, values: Sequence[float], dense: bool, **more: Any) -> Part:
    """Describe a logarithmic axis for values above 0; dense: whether 2 and 5 are told too."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    told = (1, 2, 5) if dense and high - low <= MOST_DECADES else (1,)
    ticks = [step * 10.0**power for power in range(low - 1, high + 1) for step in told]
    return axis(
        title,
        type="log",
        tickvals=ticks,
        ticktext=[quantity(tick, unit, 1) for tick in ticks],
        minor={"ticks": "outside", "ticklen": 2, "dtick": "D1"},
        **more,
    )


def layout(margin: Sequence[int], **more: Any) -> Part:
    """Describe a chart; margin: left, right, top and bottom, in pixels."""
    left, right, top, bottom = margin
    return {
        "paper_bgcolor": "@paper",
        "plot_bgcolor": "@paper",
        "font": {"color": "@ink", "size": 13, "family": "system-ui, sans-serif"},
        "hoverlabel": {
            "bgcolor": "@panel",
            "bordercolor": "@soft",
            "font": {"color": "@ink", "size": 13},
            "align": "left",
        },
        "margin": {"l": left, "r": right, "t": top, "b": bottom},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "@stone", "activecolor": "@ink"},
        "dragmode": False,
        **more,
    }


def chart(wide: Part, wide_px: int, narrow: Part | None = None, narrow_px: int = 0) -> Part:
    """Describe a chart with its heights, and how it looks where there is little room."""
    return {
        "wide": wide,
        "narrow": narrow,
        "wide_px": wide_px,
        "narrow_px": narrow_px or wide_px,
    }

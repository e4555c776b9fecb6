"""Energy of a conversion from analog to digital, by two public forms that do not agree.

[zigzag] ZigZag-IMC, `AimcArrayUnit`: (100 fF b + 0.001 fF 4^b) V^2 for b bits, fitted to three
macros of 28 nm. [survey] Accelergy's plug-in, a regression on a survey of published converters: its
stored model evaluated at 100 MS/s; up to 10 bits and 1 GS/s its energy does not hang on the rate.
It asks for 4 bits at least: no converter of the survey has less than 3.4 effective ones, and below
that the fitted formula turns upwards. It was not evaluated at 9 bits, which are taken as the
geometric mean of 8 and 10, nor above 10.

A measured converter of 8 bits takes 1.79 pJ at 0.85 V and 3.56 pJ at 1.2 V (65 nm, [jia] of
`neurobot.cost.column_cim`): the two forms, 1.25 pJ (at 1.2 V, its node left alone) and 6.49 pJ,
lie on both sides of it. Neither is better than a factor of 2 to 4.

The price at 28 nm and 0.9 V is the geometric mean of both, low and high the pair itself. Where
there is no second form, the first one is taken to be as far off as at the nearest number of bits
with both: so fewer bits never take more. High, below 4 bits: what the second form has for 4.
"""

from math import sqrt

from neurobot.cost.nodes import SUPPLY_28_V
from neurobot.cost.prices import Price

LINEAR_F, QUADRUPLING_F = 100e-15, 0.001e-15  # [zigzag]
SURVEY_PJ = {  # node in nm -> bits -> pJ [survey]
    22: {4: 0.457, 5: 0.463, 6: 0.527, 7: 0.649, 8: 0.847, 10: 1.64},
    28: {4: 0.719, 5: 0.728, 6: 0.829, 7: 1.02, 8: 1.33, 10: 2.58},
    65: {4: 3.50, 5: 3.55, 6: 4.04, 7: 4.97, 8: 6.49, 10: 12.5},
}
LEAST_BITS, MOST_BITS = 4, 10  # that [survey] was evaluated for


def check_bits(form: str, bits: int, low: int, high: int) -> None:
    """Refuse converters that a form does not cover."""
    if not low <= bits <= high:
        raise ValueError(f"converter, by {form}: {bits} bits found; allowed: {low}..{high}")


def formula_j(bits: int, supply_v: float = SUPPLY_28_V) -> float:
    """Energy of a conversion at 28 nm, in joules [zigzag]."""
    check_bits("formula", bits, 1, 16)
    return float((LINEAR_F * bits + QUADRUPLING_F * 4**bits) * supply_v**2)


def survey_j(bits: int, node_nm: int = 28) -> float:
    """Energy of a conversion at 22, 28 or 65 nm, in joules [survey]."""
    check_bits("survey", bits, LEAST_BITS, MOST_BITS)
    known = SURVEY_PJ[node_nm]
    return 1e-12 * (known[bits] if bits in known else sqrt(known[bits - 1] * known[bits + 1]))


def conversion(bits: int) -> Price:
    """Price a conversion at 28 nm and 0.9 V."""
    first, nearest = formula_j(bits), min(max(bits, LEAST_BITS), MOST_BITS)
    excess = survey_j(nearest) / formula_j(nearest)
    high = survey_j(LEAST_BITS) if bits < LEAST_BITS else excess * first
    second = f"no second form: as far from it as at {nearest} bits"
    if bits == nearest:
        second = f"{1e15 * survey_j(bits):.0f} fJ by a regression on published converters"
    said = (
        f"{bits} bits: {1e15 * first:.0f} fJ by a formula fitted to macros, {second}; within 2-4x"
    )
    return Price(sqrt(excess) * first, first, high, "derived", said)

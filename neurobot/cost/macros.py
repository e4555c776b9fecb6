"""Published macros that compute in memory, and what our prices make of their parameters.

What each one does in one access is counted as the machine of `neurobot.column_cim` would count it,
priced at 28 nm, and brought to its node and supply by [scaling] of `neurobot.cost.nodes`. Figures
and parameters are those that the models of [cimloop] quote (github.com/mit-emze/cimloop, folder
`models/arch/1_macro`, with the figures of each paper); 2304 rows of [jia] follow from them.

An access applies all bits of its inputs at once. Three of the macros gave the price of a cell
(`neurobot.cost.column_cim`): they test the sum of the parts, not that part. The scope of each
published figure is that of ours: cells, drives and converters, without the path of digits behind.
"""

from dataclasses import dataclass

from neurobot.cost.column_cim import SCALED_28
from neurobot.cost.nodes import from_28
from neurobot.cost.prices import Bound
from neurobot.events import CimEvents

TOO_FAR = 3  # times more or less
OPERATIONS = 2  # of a multiply-accumulate


@dataclass(frozen=True, slots=True)
class Macro:
    """A published macro at one supply: what an access does, and what was measured.

    bits: of inputs, weights and converters; weights of "-" are analog. published_share: of the
    converters, at whatever supply it was told for; None where it was not.
    """

    name: str
    node_nm: int
    supply_v: float
    bits: str
    events: CimEvents
    published_tops_w: float
    published_share: float | None = None

    def joules(self, bound: Bound = "nominal") -> float:
        """Energy of an access by our prices."""
        return from_28(self.node_nm, self.supply_v) * SCALED_28.dynamic_j(self.events, bound)

    def tops_w(self, bound: Bound = "nominal") -> float:
        """Operations of a joule by our prices, in 10^12."""
        return OPERATIONS * self.events.operations / self.joules(bound) / 1e12

    @property
    def ratio(self) -> float:
        """What we predict, in what was published."""
        return self.tops_w() / self.published_tops_w

    @property
    def is_far(self) -> bool:
        """Whether that is further off than anybody should rely on."""
        return not 1 / TOO_FAR <= self.ratio <= TOO_FAR

    @property
    def share(self) -> float:
        """The converters' share by our prices."""
        parts = SCALED_28.breakdown_j(self.events)
        converters = sum(joules for name, joules in parts.items() if "conversions" in name)
        return converters / SCALED_28.dynamic_j(self.events)


def access(
    rows: int, columns: int, drive_bits: int, conversions: dict[str, int], macs: int
) -> CimEvents:
    """Count what an access to an array does whose rows are all driven."""
    return CimEvents(
        array_macs=macs,
        row_drives=rows,
        drive_bits=rows * drive_bits,
        cell_reads=rows * columns,
        **conversions,
    )


JIA = access(2304, 256, 1, {"conversions_8b": 256}, 2304 * 256)
WANG = access(64, 128, 8, {"conversions_8b": 16}, 64 * 16)
SINANGIL = access(64, 64, 4, {"conversions_4b": 16}, 64 * 16)
DIGITAL = CimEvents(digital_macs=1)
# Bits of inputs and outputs, TOPS/W; two cells hold a weight.
WAN = ((1, 3, 43.1), (2, 4, 40.3), (4, 6, 16.0), (6, 8, 8.26), (8, 10, 6.44))
WAN_SHARES = {1: 10.6 / 23.0, 4: 29.1 / 62.4}  # by bits of inputs; integration and control included


def wan(input_bits: int, output_bits: int, tops_w: float) -> Macro:
    """Return the macro of Wan et al. at so many bits; its weights are analog."""
    conversions = {f"conversions_{output_bits}b": 256}
    events = access(256, 256, input_bits, conversions, 256 * 128)
    share, bits = WAN_SHARES.get(input_bits), f"{input_bits}/-/{output_bits}"
    return Macro("Wan 2022 (RRAM)", 130, 1.8, bits, events, tops_w, share)


# Of converters of 8 bits in whole macros, the data path of the second one included.
SHARES = {"22 nm": 0.34, "65 nm": 1.79 / (1.79 + 9.7 + 8.3)}

MACROS = (
    Macro("Jia 2020", 65, 0.85, "1/1/8", JIA, 400, 1.79 / (9.7 + 1.79)),
    Macro("Jia 2020", 65, 1.2, "1/1/8", JIA, 192, 3.56 / (20.4 + 3.56)),
    Macro("Sinangil 2021", 7, 0.8, "4/4/4", SINANGIL, 351),
    Macro("Sinangil 2021", 7, 1.0, "4/4/4", SINANGIL, 321),
    *(wan(*each) for each in WAN),
    Macro("Wang 2022", 22, 0.7, "8/8/8", WANG, 32.2, 0.34),
    Macro("Wang 2022", 22, 1.1, "8/8/8", WANG, 15.5, 0.34),
    Macro("Colonnade 2021", 65, 0.6, "8/8/digital", DIGITAL, OPERATIONS / 0.292),
    Macro("Colonnade 2021", 65, 0.8, "8/8/digital", DIGITAL, OPERATIONS / 1.170),
)

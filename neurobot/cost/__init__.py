"""Prices: from exact counts to joules and watts.

Every figure that comes out of here is *modelled*, for chips of their default sizes. Dynamic energy
follows events; idle power flows all the time. Each price has a range: what it may be by what is not
known. The mechanism is in `prices`, the rules by which figures come to another node in `nodes`, the
chips' own prices in a module each, the tables in `tables`.
"""

from neurobot.cost.nodes import cells as cells
from neurobot.cost.nodes import scaled_logic as scaled_logic
from neurobot.cost.nodes import scaled_memory as scaled_memory
from neurobot.cost.nodes import sram as sram
from neurobot.cost.prices import BOUNDS as BOUNDS
from neurobot.cost.prices import EVIDENCE as EVIDENCE
from neurobot.cost.prices import Bound as Bound
from neurobot.cost.prices import CostTable as CostTable
from neurobot.cost.prices import Price as Price
from neurobot.cost.prices import Tariff as Tariff
from neurobot.cost.prices import weakest as weakest
from neurobot.cost.stated import Stated as Stated
from neurobot.cost.tables import COST_TABLES as COST_TABLES
from neurobot.cost.tables import DEFAULT_COST_TABLE as DEFAULT_COST_TABLE
from neurobot.cost.tables import tables_of as tables_of

"""A machine of arrays of memory cells that compute, with low-precision converters for each column.

`silicon` holds what is assumed of it, `mapping` brings layers onto arrays, `counting` counts what
they do, `plan` does that for a network, and `machine` runs it; `variation` says what separates
cells from what they were meant to hold, `placing` puts plain networks onto arrays, `trials` tries
draws.
"""

from neurobot.column_cim.machine import LayerRow as LayerRow
from neurobot.column_cim.machine import Machine as Machine
from neurobot.column_cim.machine import sheet as sheet
from neurobot.column_cim.mapping import Mapping as Mapping
from neurobot.column_cim.mapping import map_layer as map_layer
from neurobot.column_cim.placing import onto_arrays as onto_arrays
from neurobot.column_cim.placing import with_adc as with_adc
from neurobot.column_cim.silicon import Silicon as Silicon
from neurobot.column_cim.variation import Variation as Variation

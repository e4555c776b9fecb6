"""A machine of several SRAM macros that compute in memory, on weights that are packed sparsely.

What it computes is exactly what `neurobot.qnet` computes. `silicon` holds what is assumed of it,
`tiling`, `codes` and `packing` bring weights into its memory, `schedule` times layers, `counting`
counts what they do, `memories` refuses what does not fit, `plan` does all that for a network, and
`machine` runs it. `decoding` tells what a wrong index does, `residence` which sums lie
where, and when.
"""

from neurobot.mars.machine import LayerRow as LayerRow
from neurobot.mars.machine import Machine as Machine
from neurobot.mars.machine import sheet as sheet
from neurobot.mars.packing import Packed as Packed
from neurobot.mars.packing import code_sizes as code_sizes
from neurobot.mars.packing import decode as decode
from neurobot.mars.packing import encode as encode
from neurobot.mars.silicon import REFILLS as REFILLS
from neurobot.mars.silicon import Silicon as Silicon

"""A digital integer processor: an array of multiply-accumulate units that runs a trained network.

What it computes is exactly what `neurobot.qnet` computes; what it counts is exact too. All of its
sizes are assumed, and parameters. `array` holds them, `plan` says which layers run together,
`schedules` and `vectors` count what happens in each pass, `memories` refuses what does not fit,
`processor` puts it together; `residence` tells which sums lie where, and when.
"""

from neurobot.mac.array import SCHEDULES as SCHEDULES
from neurobot.mac.array import MacArray as MacArray
from neurobot.mac.processor import LayerRow as LayerRow
from neurobot.mac.processor import Processor as Processor
from neurobot.mac.processor import sheet as sheet

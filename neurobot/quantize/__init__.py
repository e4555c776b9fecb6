"""Quantization-aware training: the quantizers of three papers, as layers of PyTorch."""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "training quantized networks needs PyTorch: pip install 'neurobot[train]'"
    ) from missing

from neurobot.quantize.base import Pixels as Pixels
from neurobot.quantize.base import Quantizer as Quantizer
from neurobot.quantize.column import ColumnConv2d as ColumnConv2d
from neurobot.quantize.column import ColumnLinear as ColumnLinear
from neurobot.quantize.column_layout import Columns as Columns
from neurobot.quantize.convert import convert as convert
from neurobot.quantize.convert import keep_steps_positive as keep_steps_positive
from neurobot.quantize.convert import parameter_groups as parameter_groups
from neurobot.quantize.convert import penalty as penalty
from neurobot.quantize.convert import set_progress as set_progress
from neurobot.quantize.fusing import deploy as deploy
from neurobot.quantize.fusing import fuse as fuse
from neurobot.quantize.grids import Grid as Grid
from neurobot.quantize.layers import Add as Add
from neurobot.quantize.layers import GlobalAvgPool as GlobalAvgPool
from neurobot.quantize.layers import QuantAdd as QuantAdd
from neurobot.quantize.layers import QuantConv2d as QuantConv2d
from neurobot.quantize.layers import QuantGlobalAvgPool as QuantGlobalAvgPool
from neurobot.quantize.layers import QuantLinear as QuantLinear
from neurobot.quantize.lg_lsq import LgLsq as LgLsq
from neurobot.quantize.lsq import Lsq as Lsq
from neurobot.quantize.methods import METHODS as METHODS
from neurobot.quantize.methods import make_method as make_method
from neurobot.quantize.rules import Method as Method
from neurobot.quantize.rules import Recipe as Recipe
from neurobot.quantize.uniq import Uniq as Uniq
from neurobot.quantize.uniq import binary_rules as binary_rules
from neurobot.quantize.watching import calibrate as calibrate
from neurobot.quantize.watching import quantizers as quantizers

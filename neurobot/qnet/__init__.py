"""Integer networks: layers of codes and scales, as files and as exact arithmetic."""

from neurobot.qnet.columns import ColumnConv as ColumnConv
from neurobot.qnet.conv import Conv as Conv
from neurobot.qnet.files import load as load
from neurobot.qnet.files import save as save
from neurobot.qnet.layers import Add as Add
from neurobot.qnet.layers import Channels as Channels
from neurobot.qnet.layers import Layer as Layer
from neurobot.qnet.layers import MaxPool as MaxPool
from neurobot.qnet.layers import SumPool as SumPool
from neurobot.qnet.network import INPUT as INPUT
from neurobot.qnet.network import Network as Network
from neurobot.qnet.network import Workload as Workload
from neurobot.qnet.runner import Runner as Runner
from neurobot.qnet.runner import forward as forward
from neurobot.qnet.scales import Affine as Affine
from neurobot.qnet.scales import Requant as Requant
from neurobot.qnet.scales import Scores as Scores
from neurobot.qnet.signals import Signal as Signal
from neurobot.qnet.slicing import ENCODINGS as ENCODINGS
from neurobot.qnet.slicing import slice_codes as slice_codes

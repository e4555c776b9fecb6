"""Networks in the compiler's form: chains of neurons and window maxima, in space or in time."""

from neurobot.tdnn.form import Clocking as Clocking
from neurobot.tdnn.form import Maxima as Maxima
from neurobot.tdnn.form import Net as Net
from neurobot.tdnn.form import Neurons as Neurons
from neurobot.tdnn.form import Stage as Stage
from neurobot.tdnn.form import Tree as Tree
from neurobot.tdnn.reading import read_network as read_network

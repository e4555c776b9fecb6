"""From a trained model to a network of integers, or to its float32 twin."""

from torch import nn

from neurobot.qnet import Network
from neurobot.qnet.signals import Shape
from neurobot.quantize.compare import compare as compare
from neurobot.quantize.emit import Emitter
from neurobot.quantize.emit_integers import Integers
from neurobot.quantize.emit_reals import Reals
from neurobot.quantize.fusing import deploy
from neurobot.quantize.tracing import walk


def write(model: nn.Module, emitter: Emitter) -> Network:
    """Write all layers of a model into a network, fused ones as they are deployed."""
    output_scale = emitter.finish(*walk(deploy(model), emitter))
    shape = emitter.source().shape
    return Network(input_shape=shape, layers=tuple(emitter.layers), output_scale=output_scale)


def export(model: nn.Module, input_shape: Shape) -> Network:
    """Return a converted model, in evaluation mode, as a network of integers.

    input_shape: (rows, columns, channels) of the images, 8-bit integers that the model sees
    divided by 255. Raises ValueError in the name of the layer that cannot be exported.
    """
    return write(model, Integers(input_shape))


def export_float(model: nn.Module, input_shape: Shape) -> Network:
    """Return a full-precision model, in evaluation mode, as a network of float32 numbers."""
    return write(model, Reals(input_shape))

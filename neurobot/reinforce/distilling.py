"""The quantized form of an actor: it learns to score as the actor does, where the actor drives."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from neurobot.quantize import Columns, convert, make_method
from neurobot.quantize.examples import Targets, as_floats
from neurobot.quantize.outputs import predict
from neurobot.quantize.settings import Settings
from neurobot.quantize.training import train
from neurobot.reinforce.worlds import Worlds

EVERY = 5  # steps between two looks that are kept: neighbours are much alike
CALIBRATION = 512  # looks
PART = 1_000_000_000  # of a training's chance, beyond all steps


def gather(actor: nn.Module, sensor: str, count: int, seed: int) -> Tensor:
    """Return what is seen where the actor drives by its own chance, (count, 1, ...) uint8."""
    worlds = Worlds(sensor, seed, part=PART)
    seen, kept = worlds.look(), list[NDArray[Any]]()
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        while len(kept) * len(seen) < count:
            for _ in range(EVERY):
                chances = actor(as_floats(torch.from_numpy(seen)[:, None])).softmax(1)
                worlds.step_async(torch.multinomial(chances, 1)[:, 0].numpy())
                seen, *_ = worlds.step_wait()
            kept.append(seen)
    worlds.close()
    return torch.from_numpy(np.concatenate(kept)[:count, None])


def divergence(outputs: Tensor, targets: Targets) -> Tensor:
    """Return the mean Kullback-Leibler divergence of choices' chances from the actor's."""
    wanted, given = (torch.log_softmax(each, 1) for each in (targets[0], outputs))
    return functional.kl_div(given, wanted, reduction="batchmean", log_target=True)


def agrees(outputs: Tensor, targets: Targets) -> Tensor:
    """Tell where the highest score is on the actor's own choice, (N,) bool."""
    return outputs.argmax(1) == targets[0].argmax(1)


def distill(
    actor: nn.Module,
    seen: Tensor,
    bits: int,
    settings: Settings,
    *,
    columns: Columns | None = None,
    kept: Path | None = None,
) -> nn.Module:
    """Return an actor quantized by LSQ, trained to say of `seen` (N, 1, ...) what the actor says.

    columns: of arrays of memory cells for the inner layers; kept: the file of the checkpoint, from
    which the same call goes on.
    """
    example = as_floats(seen[:: max(1, len(seen) // CALIBRATION)])
    model = convert(actor, make_method("lsq"), bits, example, columns=columns)
    last = train(
        model, seen, (predict(actor, seen),), settings, loss=divergence, score=agrees, kept=kept
    )[-1]
    print(f"{bits} bits: divergence {last['loss']:.4f}, same choice {100 * last['accuracy']:.1f} %")
    return model

"""Random networks in the compiler's form, and what it means that two are the same."""

from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurobot.compile.delay import delay
from neurobot.compile.fan_in import PARTITIONERS, fan_in
from neurobot.tdnn import Maxima, Net, Neurons, Stage
from neurobot.tdnn.form import Tree

Array = NDArray[Any]
LIMITS: list[tuple[float | None, float | None]] = [
    (0.0, np.inf), (0.0, None), (0.0, 60.0), (-np.inf, np.inf), (None, None), (-40.0, 40.0),
]  # fmt: skip


def windows(draw: st.DrawFn, shape: tuple[int, ...], most: int) -> Any:
    """Draw size, stride and padding of windows that fit a map, (rows, columns) each."""
    axes = []
    for length in shape[:2]:
        size = draw(st.integers(1, min(most, length)))
        axes.append((size, draw(st.integers(1, 2)), draw(st.integers(0, min(1, size - 1)))))
    (a, b, c), (d, e, f) = axes
    return (a, d), (b, e), (c, f)


def real_neurons(draw: st.DrawFn, name: str, shape: tuple[int, ...], last: bool) -> Neurons:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    size, stride, padding = (shape[:2], (1, 1), (0, 0)) if last else windows(draw, shape, 3)
    out = draw(st.integers(1, 3))
    weights = rng.choice([-1, 1], (out, *size, shape[2])) * rng.uniform(0.02, 1, (*size, shape[2]))
    weights[rng.random(weights.shape) < draw(st.sampled_from([0.0, 0.2, 0.8]))] = 0
    low, high = LIMITS[3] if last else draw(st.sampled_from(LIMITS))
    return Neurons(
        name, weights * 2.0 ** rng.uniform(-2, 2, (out, 1, 1, 1)),
        scale=rng.choice([1.0, 1.0, -0.7, 0.3], out) if draw(st.booleans()) else np.ones(out),
        bias=rng.normal(0, 5, out), stride=stride, padding=padding, low=low, high=high,
    )  # fmt: skip


@st.composite
def real_nets(draw: st.DrawFn, trees: bool = True) -> tuple[Net, Array]:
    """Any small network of real numbers, in space or in time, with trees or not, and images."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 2)))
    made, stages = shape, list[Stage]()
    for number in range(draw(st.integers(0, 2))):
        if draw(st.booleans()):
            stages.append(Maxima(f"pool{number}", *windows(draw, made, 2)))
            made = stages[-1].signal(signal_of(made)).shape
        stages.append(real_neurons(draw, f"layer{number}", made, last=False))
        made = stages[-1].signal(signal_of(made)).shape
    stages.append(real_neurons(draw, "scores", made, last=True))
    net = Net(
        input_shape=shape, stages=tuple(stages), output_scale=draw(st.sampled_from([1.0, 0.3]))
    )
    if draw(st.booleans()):
        net = delay(net, line=20, lines=20)
    if trees and draw(st.booleans()):
        net = fan_in(net, draw(st.integers(2, 6)), draw(st.sampled_from(sorted(PARTITIONERS))))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    return net, rng.integers(0, 256, (draw(st.integers(1, 3)), *shape))


def signal_of(shape: tuple[int, ...]) -> Any:
    from neurobot.qnet import Signal

    return Signal((shape[0], shape[1], shape[2]))


def differences(one: Net, other: Net) -> list[str]:
    """Tell in which fields two networks differ."""
    found = [
        f.name
        for f in fields(Net)
        if f.name != "stages" and getattr(one, f.name) != getattr(other, f.name)
    ]
    for a, b in zip(one.stages, other.stages, strict=True):
        assert type(a) is type(b)
        found += [f"{a.name}: {name}" for name in unlike(a, b)]
    return found


def unlike(one: Any, other: Any) -> list[str]:
    """Tell which fields of two dataclasses differ, types of arrays included."""
    found = []
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, Tree) and isinstance(b, Tree):
            found += [f"tree: {name}" for name in unlike(a, b)]
        elif isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes():
                found.append(field.name)
        elif a != b:
            found.append(field.name)
    return found

"""The table of methods."""

from collections.abc import Callable
from functools import partial
from typing import Any

from neurobot.quantize.lg_lsq import LgLsq
from neurobot.quantize.lsq import Lsq
from neurobot.quantize.rules import Method
from neurobot.quantize.uniq import Uniq

METHODS: dict[str, Callable[..., Method]] = {
    "lsq": Lsq,
    "llsq": partial(LgLsq, step_rule="sim", sharpness=None, mde="off", tail="weights"),
    "lglsq": LgLsq,
    "uniq": Uniq,
}


def make_method(name: str, **settings: Any) -> Method:
    """Make the method of a row of the table; settings are fields of its dataclass."""
    if name not in METHODS:
        raise ValueError(f"method {name!r}; the methods are {sorted(METHODS)}")
    try:
        return METHODS[name](**settings)
    except TypeError as wrong:
        raise ValueError(f"method {name!r}: {wrong}") from wrong

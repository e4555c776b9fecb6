"""The minds. A row of the table names the class; nothing is loaded before it is asked for.

A name may carry options, keywords of the class: "poppins?current_bits=10&wraps=true".
"""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from neurobot.loop import blame

CONTROLLERS = {
    "random": "neurobot.controllers.random:RandomController",
    "braitenberg": "neurobot.controllers.braitenberg:BraitenbergController",
    "vfh": "neurobot.controllers.vfh:VfhController",
    "poppins": "neurobot.controllers.poppins:PoppinsController",
}


def find_controller(name: str) -> Callable[..., Any]:
    """Return the class that a row of the table, or package.module:Class, names."""
    place = CONTROLLERS.get(name, name)
    module_name, colon, class_name = place.partition(":")
    if not colon or not module_name or not class_name:
        raise ValueError(
            f"controller: unknown {name!r}; known: {', '.join(CONTROLLERS)}, "
            "or package.module:Class"
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except ModuleNotFoundError as missing:
        raise ValueError(f"controller {name!r}: {missing}") from missing
    except AttributeError as missing:
        raise ValueError(
            f"controller {name!r}: module {module_name} has no {class_name}"
        ) from missing
    lacking = [method for method in ("reset", "act") if not callable(getattr(found, method, None))]
    if lacking or not callable(found):
        raise ValueError(
            f"controller {name!r}: no {' and no '.join(lacking) or 'class'}; "
            "needed: reset(seed), act(observation)"
        )
    return found  # type: ignore[no-any-return]


def read_value(text: str) -> Any:
    """Read a number, true, false or null; anything else is text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def make_controller(name: str) -> Any:
    """Build the controller that a name with or without options stands for."""
    plain, asked, text = name.partition("?")
    found = find_controller(plain)
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(asked))
        options = {key: read_value(value) for key, value in pairs}
    except ValueError as error:
        raise ValueError(
            f"controller {name!r}: options found that are not KEY=VALUE&KEY=VALUE"
        ) from error
    if not options:
        with blame(found):
            return found()
    try:
        return found(**options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"controller {name!r}: {error}") from error

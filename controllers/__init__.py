"""The minds. A row of the table names the class; nothing is loaded before it is asked for.

A name may carry options, keywords of the class: "poppins?current_bits=10&wraps=true"; so may a row.
"""

import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from neurobot.loop import ControllerError, blame, sensor_of

WEIGHTS = Path(__file__).parent / "weights"  # where trained networks of ours lie
CNN = "neurobot.controllers.cnn:CnnController"
# Full precision; learned step size quantization, ours of LG-LSQ, and UniQ, by bits.
NETWORKS = (
    "fp32",
    *(f"{method}-{bits}b" for method in ("lsq", "lglsq", "uniq") for bits in (8, 4, 3, 2)),
    "uniq-1b",
)
# On arrays of memory cells, weights and inputs of 4 bits: bits of the converters that each was
# trained with, None for ideal ones.
CIM_NETWORKS = {
    "cim-4b": 4,
    "cim-4b-adc3": 3,
    "cim-4b-adc2": 2,
    "cim-4b-adc1": 1,
    "cim-4b-ideal": None,
}
CIM = "neurobot.controllers.cim:CimController"
# Learned by trial and error, by what they see: full precision, and 4 bits.
PPO_NETWORKS = {sensor: (f"ppo-{sensor}", f"ppo-{sensor}-lsq-4b") for sensor in ("range", "camera")}
PPO = "neurobot.controllers.ppo:Ppo"
CONTROLLERS = {
    "random": "neurobot.controllers.random:RandomController",
    "straight": "neurobot.controllers.straight:StraightController",
    "oracle": "neurobot.imitate.oracle:OracleController",
    "braitenberg": "neurobot.controllers.braitenberg:BraitenbergController",
    "camera": "neurobot.controllers.camera:CameraController",
    "vfh": "neurobot.controllers.vfh:VfhController",
    "poppins": "neurobot.controllers.poppins:PoppinsController",
    **{f"cnn-{name}": f"{CNN}?network={name}" for name in NETWORKS},
    "cnn-mars": "neurobot.controllers.mars:MarsController",
    **{f"cnn-{name}": f"{CIM}?network={name}" for name in CIM_NETWORKS},
    **{
        name: f"{PPO}{sensor.title()}Controller?network={name}"
        for sensor, names in PPO_NETWORKS.items()
        for name in names
    },
    "tdnn-insight": "neurobot.controllers.tdnn:BeamsController",
    "tdnn-insight-camera": "neurobot.controllers.tdnn:ColumnsController",
}

# Those that commands take where none are named; the others are variants of them.
COMPARED = (
    *("random", "straight", "oracle", "braitenberg", "camera", "vfh", "poppins"),
    *("cnn-fp32", "cnn-lsq-4b", "cnn-lglsq-3b", "cnn-uniq-1b", "cnn-mars", "cnn-cim-4b"),
    "tdnn-insight",
    *(name for names in PPO_NETWORKS.values() for name in names),
)


def find_controller(name: str) -> Callable[..., Any]:
    """Return the class that a row of the table, or package.module:Class, names."""
    place = CONTROLLERS.get(name, name).partition("?")[0]
    module_name, colon, class_name = place.partition(":")
    if not colon or not module_name or not class_name:
        raise ValueError(
            f"controller: unknown {name!r}; known: {', '.join(COMPARED)}, "
            "others of `neurobot list`, or package.module:Class"
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


def named_sensor(name: str) -> str | None:
    """Return the sensor that a controller, named with or without options, needs; None: any."""
    return sensor_of(find_controller(name.partition("?")[0]))


def read_value(text: str) -> Any:
    """Read a number, true, false or null; anything else is text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def read_options(name: str, what: str = "controller") -> dict[str, Any]:
    """Read what stands behind the question mark of a name; what: is named so."""
    _, asked, text = name.partition("?")
    if not asked:
        return {}
    try:
        pairs = parse_qsl(text or "?", keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise ValueError(
            f"{what} {name!r}: options found that are not KEY=VALUE&KEY=VALUE"
        ) from error
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"{what} {name!r}: option {key!r} found more than once")
    return {key: read_value(value) for key, value in pairs}


def all_options(name: str) -> dict[str, Any]:
    """Return the options of a controller's row, and of its name."""
    row = CONTROLLERS.get(name.partition("?")[0], "")
    return {**read_options(row), **read_options(name)}


def make_controller(name: str) -> Any:
    """Build the controller that a name with or without options stands for."""
    found, options = find_controller(name.partition("?")[0]), all_options(name)
    try:
        inspect.signature(found).bind(**options)
    except TypeError as error:
        raise ValueError(f"controller {name!r}: {error}") from error
    try:
        with blame(found):
            return found(**options)
    except ControllerError as error:
        if options and isinstance(error.__cause__, ValueError):
            raise ValueError(f"controller {name!r}: {error.__cause__}") from error
        raise


def artefacts(options: dict[str, Any]) -> Iterator[Path]:
    """Yield the files that options of a controller name: of networks, ours or somebody's own."""
    for value in options.values():
        for path in (Path(str(value)), WEIGHTS / f"{value}.npz"):
            if path.is_file():
                yield path


def describe(name: str) -> dict[str, Any]:
    """Say which class and options a name stands for; config_sha256: over those and their files.

    The files are the class's module and the artefacts that the options name.
    """
    found, options = find_controller(name.partition("?")[0]), all_options(name)
    what = {"class": f"{found.__module__}:{found.__qualname__}", "options": options}
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
    source = getattr(sys.modules[found.__module__], "__file__", None)
    for path in [*([Path(source)] if source else []), *artefacts(options)]:
        digest.update(path.read_bytes())
    return {**what, "sensor": sensor_of(found), "config_sha256": digest.hexdigest()}

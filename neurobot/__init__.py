"""neurobot: which low-power brain drives a robot best, and what each decision costs.

Importing it registers the environments `neurobot/Avoidance-v0` and `neurobot/Navigation-v0`.
"""

from typing import TYPE_CHECKING, Any

import gymnasium as gym

from neurobot.version import __version__

if TYPE_CHECKING:
    from neurobot.evaluation import evaluate

__all__ = ["__version__", "evaluate"]

for _task in ("Avoidance", "Navigation"):
    gym.register(
        id=f"neurobot/{_task}-v0",
        entry_point=f"neurobot.envs.avoidance:{_task}Env",
        vector_entry_point=f"neurobot.envs.vector:{_task}VectorEnv",
    )


def __getattr__(name: str) -> Any:
    """Load what needs more than Gymnasium when it is first asked for."""
    if name == "evaluate":
        from neurobot.evaluation import evaluate

        return evaluate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

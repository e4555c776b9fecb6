"""A controller to which faults happen: what stands between it and the loop."""

from typing import Any

from neurobot.faults.draw import US, Upsets
from neurobot.faults.spec import Faults
from neurobot.faults.troubles import make_trouble
from neurobot.loop import Observation, Timing


class Faulted:
    """A seated controller, and what goes wrong around it; otherwise it is that controller.

    world: the environment itself, unwrapped, which knows the time; timing: of the loop, for the
    clock that a chip is given there.
    """

    def __init__(
        self, driver: Any, world: Any, faults: Faults, timing: Timing | None = None
    ) -> None:
        self.driver, self.world, self.faults = driver, world, faults
        self.trouble = make_trouble(faults, driver, world, (timing or Timing()).clock_hz)

    def __getattr__(self, name: str) -> Any:
        if name == "driver":  # of one that is being copied
            raise AttributeError(name)
        return getattr(self.driver, name)

    @property
    def now_us(self) -> int:
        """Time since the episode began."""
        batch = self.world.batch
        steps = int(batch.state.rows["steps"][0])
        return round(steps * float(batch.clock.control_s) * US)

    @property
    def stall_s(self) -> float:
        """What a decision takes longer."""
        return self.trouble.stall_s

    @property
    def slowdown(self) -> float:
        """By how much the clock is slower."""
        return self.trouble.slowdown

    @property
    def upsets(self) -> Upsets:
        """What has happened until now."""
        return self.trouble.upsets(self.now_us)

    def reset(self, seed: int) -> None:
        """Begin an episode in sound health; its faults follow from the seeds."""
        batch = self.world.batch
        limit_s = int(batch.state.rows["time_limit"][0]) * batch.clock.control_s
        self.trouble.begin(limit_s, seed)
        self.driver.reset(seed)

    def act(self, observation: Observation) -> Any:
        """Decide, after what is due has happened."""
        return self.driver.act(self.trouble.meet(self.now_us, observation))

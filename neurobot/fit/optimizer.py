"""CMA-ES (Hansen's `cma`) in the unit cube: ask for points, tell which were better."""

from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    import cma
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError("a fit needs cma: pip install 'neurobot[fit]'") from missing

from neurobot.fit.space import SIZE, Floats

CMA_VERSION: str = cma.__version__
FIRST_STEP = 0.3  # standard deviation, as a share of each range


class Optimizer:
    """CMA-ES from a start drawn by the seed; equal seeds and answers, equal questions."""

    def __init__(self, seed: int, population: int) -> None:
        start, chance = np.random.default_rng(seed).spawn(2)
        options = {
            "bounds": [0.0, 1.0],
            "popsize": population,
            "randn": lambda *shape: chance.standard_normal(shape),
            "seed": np.nan,  # leaves NumPy's own generator alone
            "verbose": -9,
        }
        self.start: Floats = start.uniform(size=SIZE)
        self.strategy: Any = cma.CMAEvolutionStrategy(self.start, FIRST_STEP, options)

    def ask(self) -> list[Floats]:
        """Return the points of the next generation."""
        self.points = self.strategy.ask()
        return [np.asarray(point) for point in self.points]

    @property
    def centre(self) -> Floats:
        """Where the distribution has its mean: at first, the random start."""
        return np.asarray(self.strategy.result.xfavorite)

    @property
    def step(self) -> float:
        """Overall standard deviation, as a share of each range."""
        return float(self.strategy.sigma)

    def tell(self, order: Sequence[int]) -> None:
        """Take the generation's order, best first; CMA-ES uses no more than that."""
        ranks = np.empty(len(order))
        ranks[np.asarray(order)] = np.arange(len(order))
        self.strategy.tell(self.points, ranks.tolist())

"""What a fit shows while it runs: its last generation and the curve so far."""

import sys
from itertools import pairwise
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from neurobot.cli.terminal import make_table
from neurobot.fit.history import Generation
from neurobot.fit.plan import Limits, Plan
from neurobot.fit.score import Tally
from neurobot.quantities import percent, prefixed

BARS = "▁▂▃▄▅▆▇█"
COLUMNS = 60  # of the curve
DRAW_EVERY = 20  # generations


def spark(rates: list[float]) -> str:
    """Draw rates 0..1 as a line of bars, each the mean of a stretch."""
    width = min(len(rates), COLUMNS)
    edges = [k * len(rates) // width for k in range(width + 1)] if width else []
    parts = [rates[a:b] for a, b in pairwise(edges)]
    means = [sum(part) / len(part) for part in parts]
    return "".join(BARS[min(int(mean * len(BARS)), len(BARS) - 1)] for mean in means)


class Screen:
    """A live view on standard error, if that is a terminal; and the curve as a picture."""

    def __init__(self, plan: Plan, limits: Limits, picture: Path, wanted: bool) -> None:
        self.plan, self.limits, self.picture = plan, limits, picture
        self.generations: list[Generation] = []
        hidden = not (wanted and sys.stderr.isatty())
        self.live = None if hidden else Live(console=Console(stderr=True), transient=True)

    def __enter__(self) -> "Screen":
        if self.live:
            self.live.start()
            self.live.update(Text("drawing worlds, compiling kernels ..."))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.live:
            self.live.stop()

    def watch(self, generation: Generation) -> None:
        """Show a generation."""
        self.generations.append(generation)
        if self.live:
            self.live.update(self.view())
            if len(self.generations) % DRAW_EVERY == 0:
                self.draw()

    def draw(self, tests: dict[str, Tally] | None = None) -> str:
        """Write the picture; return what is missing for that, if anything is."""
        try:
            from neurobot.fit.pictures import draw_curve
        except ModuleNotFoundError as missing:
            return str(missing)
        draw_curve(self.generations, self.plan.weights, self.picture, tests)
        return ""

    def view(self) -> Group:
        """Lay out the last generation and the curve so far."""
        rates = [g.centre[1].success_rate for g in self.generations]
        return Group(self.headline(), self.rows(), Text(f"success of the centre  {spark(rates)}"))

    def headline(self) -> Text:
        """Say how far the search is."""
        last, count = self.generations[-1], len(self.generations)
        minutes = sum(g.seconds for g in self.generations) / 60
        most = f" of {self.limits.generations}" if self.limits.generations else ""
        rate = last.decisions / max(last.seconds, 1e-9)
        return Text(
            f"generation {count}{most}, {minutes:.1f} of {self.limits.minutes:g} minutes, "
            f"{prefixed(rate, 'decisions/s')}, step {last.step:.3f}"
        )

    def rows(self) -> Table:
        """Lay out the best, the median and the centre."""
        last, weights = self.generations[-1], self.plan.weights
        order = last.order(weights)
        shown = {
            "best": last.best(weights)[1],
            "median": last.tallies[order[len(order) // 2]],
            "centre": last.centre[1],
        }
        table = make_table("training worlds", "score", "success %", "speed m/s", "energy")
        for name, tally in shown.items():
            table.add_row(
                name,
                f"{tally.score(weights):.3f}",
                percent(tally.success_rate),
                f"{tally.mean_speed_mps:.2f}",
                prefixed(tally.decision_j, "J"),
            )
        return table

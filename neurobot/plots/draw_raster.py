"""The picture of one decision of the spiking brain: sight, spikes, potentials, votes."""

from pathlib import Path

import numpy as np

from neurobot.controllers import veto
from neurobot.controllers.mind import TICKS
from neurobot.decode import NO_WINNER
from neurobot.neurons import SPIKE_LEVEL
from neurobot.plots.figures import INK, PALETTE, STONE, Axes, Figure, engineering, style_of
from neurobot.plots.raster import Decision

SIZE_IN = (10.0, 8.8)
GAP_ROWS = 3  # between two groups of the raster
RIVALS = 3  # whose potentials are drawn, the winner among them
GROUP_COLOURS = {
    "near threats": PALETTE[1],
    "far threats": PALETTE[4],
    "drives": PALETTE[5],
    "premotor": PALETTE[0],
    "motor": PALETTE[2],
    "brake": PALETTE[3],
}
MOVES_SHOWN = ("drives", "premotor", "motor")


def draw_rows(axes: Axes, decision: Decision) -> None:
    """Draw the spikes of all groups, one row per neuron, the rightmost at the bottom of each."""
    top, places, labels = 0, [], []
    for name, spikes in decision.rows().items():
        rows = spikes[:, veto.RIGHT_TO_LEFT] if name in MOVES_SHOWN else spikes
        count = rows.shape[1]
        tick, row = np.nonzero(rows)
        half = 0.45 if count > 1 else 1.5
        middle = row + top - count
        axes.vlines(tick + 1, middle - half, middle + half, color=GROUP_COLOURS[name], linewidth=3)
        places.append(top - (count + 1) / 2)
        labels.append(f"{name}\n{spikes.sum()} spikes" if count > 1 else f"{name}: {spikes.sum()}")
        top -= count + GAP_ROWS
        axes.axhline(top + GAP_ROWS / 2 - 0.5, color=STONE, linewidth=0.6)
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(top + GAP_ROWS / 2 - 0.5, 1.5)
    axes.set_title("spikes (in each group, left is above)", loc="left")


def draw_potentials(axes: Axes, decision: Decision) -> None:
    """Draw the potentials of all premotor neurons as a map, rows as in the bars beside it."""
    potential = decision.trace.potential[:, veto.GROUPS["premotor"]][:, veto.RIGHT_TO_LEFT]
    spikes = decision.trace.spikes[:, veto.GROUPS["premotor"]][:, veto.RIGHT_TO_LEFT]
    extent = (0.5, decision.events.ticks + 0.5, -0.5, veto.MOVES - 0.5)
    shown = axes.imshow(
        potential.T, origin="lower", aspect="auto", cmap="cividis", vmin=0, vmax=SPIKE_LEVEL,
        extent=extent, interpolation="nearest",
    )  # fmt: skip
    tick, row = np.nonzero(spikes)
    axes.plot(tick + 1, row, linestyle="", marker="|", color="white", markersize=4.5)
    bar = axes.inset_axes((0.76, 1.05, 0.24, 0.05))
    bar.figure.colorbar(shown, cax=bar, orientation="horizontal", ticks=[0, SPIKE_LEVEL])
    bar.xaxis.tick_top()
    bar.tick_params(length=0, pad=1)
    axes.set_title("potentials of the premotor neurons (white: spikes)", loc="left")


def name_rows(axes: Axes, decision: Decision) -> None:
    """Name every fourth move beside its row."""
    rows = [0, *range(2, veto.MOVES - 1, 4), veto.MOVES - 1]  # "ahead" is in the middle
    names = [veto.name_move(veto.RIGHT_TO_LEFT[row], decision.directions_rad) for row in rows]
    axes.set_yticks(rows, names)


def draw_votes(axes: Axes, decision: Decision) -> None:
    """Draw the votes of each move as bars; the winner is dark and named."""
    votes = decision.votes[list(veto.RIGHT_TO_LEFT)]
    won = [move == decision.move for move in veto.RIGHT_TO_LEFT]
    colours = [GROUP_COLOURS["motor"] if each else STONE for each in won]
    axes.barh(np.arange(veto.MOVES), votes, color=colours, height=0.8)
    for row in np.flatnonzero(won):
        axes.annotate(f"{votes[row]} wins", (votes[row], row), (3, 0),
                      textcoords="offset points", va="center", fontsize=8)  # fmt: skip
    axes.set_xlim(0, 1.3 * max(votes.max(), 1))
    axes.set_ylim(-0.5, veto.MOVES - 0.5)
    axes.set_xlabel("votes: spikes of motor neurons")
    axes.set_title(f"{votes.sum()} votes", loc="left")


def draw_rivals(axes: Axes, decision: Decision, group: str) -> None:
    """Draw the potentials of the winner and its strongest rivals in a group, step by step."""
    place, ticks = veto.GROUPS[group], np.arange(1, decision.events.ticks + 1)
    for k, move in enumerate(decision.rivals(RIVALS)):
        column, style = place.start + move, style_of(k)
        fired = decision.trace.spikes[:, column]
        potential = np.where(fired, SPIKE_LEVEL, decision.trace.potential[:, column])
        name = veto.name_move(move, decision.directions_rad)
        axes.plot(ticks, potential, linewidth=1.3, label=name, **style)
    axes.set_ylim(-8, SPIKE_LEVEL + 12)
    axes.set_yticks([0, 128, SPIKE_LEVEL], ["0", "128", "spike"])
    axes.set_ylabel(group)


def draw_sight(axes: Axes, decision: Decision) -> None:
    """Draw what the robot saw, from above and ahead up, and where the winner leads."""
    x, y = (decision.range_m * f(decision.beams_rad) for f in (np.cos, np.sin))
    met = decision.range_m < decision.reach_m
    axes.fill(np.append(-y, 0.0), np.append(x, 0.0), color=PALETTE[5], alpha=0.18, linewidth=0)
    axes.plot(-y[met], x[met], linestyle="", marker=".", color=INK, markersize=4)
    axes.plot(0, 0, marker="^", color="white", markeredgecolor=INK, markersize=9)
    if decision.move in range(veto.DIRECTIONS):
        angle = decision.directions_rad[decision.move]
        length = 0.8 * decision.range_m[np.abs(decision.beams_rad - angle).argmin()]
        tip = (-length * np.sin(angle), length * np.cos(angle))
        axes.annotate("", tip, (0, 0), arrowprops={
            "arrowstyle": "-|>", "color": GROUP_COLOURS["motor"], "linewidth": 2})  # fmt: skip
    axes.set_aspect("equal")
    axes.set_title("what the robot saw", loc="left")
    axes.set_xlabel("m to the right")
    axes.set_ylabel("m ahead")


def headline(decision: Decision) -> str:
    """Say what was decided, when, and what it took."""
    events, course = decision.events, decision.course
    choice = "chooses nothing"
    if decision.move != NO_WINNER:
        choice = f"chooses {veto.name_move(decision.move, decision.directions_rad)}"
    return (
        f"{decision.controller} at {decision.time_s:.1f} s in {Path(course.scenario).name}, "
        f"seed {course.seed}, {choice}\n"
        f"modelled latency {engineering(decision.latency_s, 's')}, "
        f"{events.ticks} of {TICKS} ticks, {events.synaptic_ops} synaptic operations"
    )


def draw_raster(figure: Figure, decision: Decision) -> None:
    """Draw one decision of the spiking brain."""
    figure.set_size_inches(SIZE_IN)
    grid = figure.add_gridspec(4, 2, width_ratios=(2.4, 1), height_ratios=(4.6, 2.4, 0.9, 0.9))
    spikes = figure.add_subplot(grid[0, 0])
    draw_rows(spikes, decision)
    potentials = figure.add_subplot(grid[1, 0], sharex=spikes)
    draw_potentials(potentials, decision)
    name_rows(potentials, decision)
    votes = figure.add_subplot(grid[1, 1], sharey=potentials)
    draw_votes(votes, decision)
    votes.tick_params(labelleft=False)
    premotor = figure.add_subplot(grid[2, 0], sharex=spikes)
    draw_rivals(premotor, decision, "premotor")
    motor = figure.add_subplot(grid[3, 0], sharex=spikes)
    draw_rivals(motor, decision, "motor")
    motor.set_xlabel("tick of the chip")
    spikes.set_xlim(0.5, decision.events.ticks + 0.5)
    for axes in (spikes, potentials, premotor):
        axes.tick_params(labelbottom=False)
    key = premotor.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), handlelength=2.6)
    key.set_in_layout(False)
    premotor.set_title("potentials of those nearest to winning", loc="left")
    draw_sight(figure.add_subplot(grid[0, 1]), decision)
    figure.suptitle(headline(decision))

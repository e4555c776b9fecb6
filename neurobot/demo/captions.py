"""What the screen says of a session in words and figures."""

from pathlib import Path

from neurobot.demo import meddling
from neurobot.demo.meter_panel import Meters
from neurobot.demo.session import Session
from neurobot.demo.thoughts import Layers, Spikes
from neurobot.episodes import name_world
from neurobot.quantities import prefixed


def place(session: Session) -> str:
    """Say which world this is, and whether somebody touched it."""
    scenario = Path(session.job.scenario).name
    touched = "   touched" if session.touched else ""
    return f"{scenario}   {name_world(session.job, session.batch)}{touched}"


def pace(session: Session, speed: float, *, paused: bool) -> str:
    """Say how much time has passed, and how fast it goes."""
    slower = 1 / speed
    told = f"x 1/{slower:g}" if slower > 1 and slower.is_integer() else f"x {speed:g}"
    return f"{session.time_s:.1f} s   {'paused' if paused else told}"


def mind(session: Session) -> str:
    """Say what thinks."""
    thought = session.thought
    if thought is None:
        return "no decision yet"
    if isinstance(thought, Spikes):
        first, second = thought.populations
        clock = prefixed(meddling.clock_hz(session), "Hz", 3)
        return f"{first} + {second} IQIF neurons, {clock}"
    return "layers of the mind" if isinstance(thought, Layers) else "what is seen"


def score(session: Session, name: str) -> str:
    """Say how a controller's untouched episodes ended since the demo began."""
    ends = session.scores.get(name)
    return ", ".join(f"{count} {end}" for end, count in ends.items()) if ends else ""


def note(session: Session) -> str:
    """Say where the figures come from."""
    meter = session.meter
    if meter.total.time_s > 0 and meter.decisions == 0:
        return "counts no events"
    if not meter.is_priced:
        return f"{meter.prices.name} has no prices for its chip"
    return f"modelled: {meter.prices.name}, idle included"


def meters(session: Session) -> Meters:
    """Collect the figures of the brain that drives, and of the one before."""
    name, previous = session.job.controller, session.previous
    return Meters(
        name=name,
        score=score(session, name),
        now=session.meter.now,
        mean=session.meter.mean,
        previous=previous,
        note=note(session),
        is_late=session.is_late,
    )

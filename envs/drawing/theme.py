"""The colours of a picture, light or dark.

The hues are those of Okabe and Ito, which colour-blind viewers can tell apart; the dark theme
lightens them.
"""

from dataclasses import dataclass
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Theme:
    """What has which colour. Texts are written in `ink` and `faint` only."""

    paper: Colour  # around everything
    panel: Colour  # behind charts and lists
    floor: Colour
    grid: Colour
    ink: Colour  # texts, arrows, the scale
    faint: Colour  # texts of the second rank
    stone: Colour  # solids and discs that stand still
    wall: Colour
    robot: Colour  # while it drives
    mark: Colour  # on the robot, pointing ahead
    rim: Colour  # mixed into the edge of the robot
    beam: Colour
    dead: Colour  # a beam that is broken
    course: Colour  # where the brain wants to go
    trail: Colour
    goal: Colour
    mover: Colour
    mover_rim: Colour
    success: Colour
    collision: Colour
    timeout: Colour
    accents: tuple[Colour, Colour, Colour, Colour, Colour, Colour]  # categories of a chart

    def outcome(self, name: str) -> Colour:
        """Colour of the robot and of its label, by how the episode stands."""
        return {
            "running": self.robot,
            "success": self.success,
            "collision": self.collision,
            "timeout": self.timeout,
        }[name]


LIGHT = Theme(
    paper=(244, 244, 241),
    panel=(240, 242, 243),
    floor=(255, 255, 255),
    grid=(239, 240, 240),
    ink=(52, 60, 70),
    faint=(95, 103, 113),
    stone=(112, 122, 134),
    wall=(52, 60, 70),
    robot=(0, 114, 178),
    mark=(255, 255, 255),
    rim=(52, 60, 70),
    beam=(86, 180, 233),
    dead=(136, 20, 80),
    course=(52, 60, 70),
    trail=(0, 114, 178),
    goal=(0, 158, 115),
    mover=(230, 159, 0),
    mover_rim=(213, 94, 0),
    success=(0, 158, 115),
    collision=(213, 94, 0),
    timeout=(204, 121, 167),
    accents=(
        (0, 114, 192),
        (190, 126, 0),
        (0, 158, 116),
        (190, 82, 148),
        (174, 68, 10),
        (38, 61, 120),
    ),
)

DARK = Theme(
    paper=(16, 20, 27),
    panel=(27, 33, 43),
    floor=(23, 29, 38),
    grid=(31, 38, 49),
    ink=(228, 232, 238),
    faint=(152, 162, 176),
    stone=(112, 120, 131),
    wall=(172, 182, 195),
    robot=(74, 150, 246),
    mark=(255, 255, 255),
    rim=(16, 20, 27),
    beam=(86, 180, 233),
    dead=(212, 78, 186),
    course=(228, 232, 238),
    trail=(74, 150, 246),
    goal=(60, 214, 155),
    mover=(240, 188, 44),
    mover_rim=(235, 112, 51),
    success=(60, 214, 155),
    collision=(235, 112, 51),
    timeout=(228, 144, 208),
    accents=(
        (74, 150, 246),
        (252, 205, 40),
        (40, 225, 150),
        (200, 105, 185),
        (222, 96, 44),
        (200, 225, 245),
    ),
)

THEMES: dict[str, Theme] = {"light": LIGHT, "dark": DARK}

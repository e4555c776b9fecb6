"""What of a convolution follows from the image: which products switch, which lanes are still.

A product with an input of 0 does not switch. In an output-stationary array an accumulator does not
either while all inputs of its lane are 0; in a weight-stationary one sums move on in every cycle.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from neurobot.events import MacEvents
from neurobot.mac.activity import lane_counter
from neurobot.mac.array import SCHEDULES, MacArray
from neurobot.mac.schedules import Job

PLACES = {field.name: k for k, field in enumerate(fields(MacEvents))}
GATED, OFFSETS = PLACES["gated_macs"], PLACES["offset_additions"]
SUMS, INPUT_SUMS = PLACES["accumulations"], PLACES["sum_accumulations"]


@dataclass(frozen=True, slots=True)
class Products:
    """The products of a convolution, and what each input and each lane of inputs sets in motion."""

    mode: int  # its place among the counts
    macs: int
    gates: bool
    each: int  # products of an input: output channels of its group
    offsets: int  # additions of each product for a mid-rise input
    sums: int  # accumulations of a lane, if they stop when it is still
    input_sums: int  # the same of its sum of inputs
    all_lanes: int  # that meet windows, padding included
    count_lanes: Callable[[], int] | None  # those that are not still; None: an input each

    def add(self, counts: list[int], taps: int) -> None:
        """Add those of a run, in which so many inputs other than 0 met windows.

        counts: by field of `MacEvents`.
        """
        met = taps * self.each
        switched = met if self.gates else self.macs
        counts[self.mode] += switched
        counts[GATED] += self.macs - switched
        counts[OFFSETS] += met * self.offsets
        if self.sums:
            still = self.all_lanes - (self.count_lanes() if self.count_lanes else taps)
            counts[SUMS] -= still * self.sums
            counts[INPUT_SUMS] -= still * self.input_sums


def products_of(job: Job, array: MacArray, source: Any) -> Products:
    """Return the products of a convolution that reads a map (rows, columns, channels)."""
    stops = array.gates_zeros and array.schedule == SCHEDULES[0] and not job.conv.real
    return Products(
        PLACES[f"macs_{job.mode}"],
        job.macs,
        array.gates_zeros,
        each=job.made,
        offsets=int(job.part.odd_inputs),
        sums=job.made * stops,
        input_sums=job.column_tiles(array) * (stops and job.conv.odd),
        all_lanes=job.places * job.conv.groups * job.steps,
        count_lanes=lane_counter(job, source) if stops and job.packed > 1 else None,
    )

"""Faults in the silicon and around it, in the closed loop: seeded, recorded, and replayable.

`Faults` says what goes wrong and how often; a `Job` that has one runs its controller behind
`Faulted`, which inverts the bits, blinds the sensor, or holds the chip up, at times that follow
from the seeds alone. What happened is in the record, and the same job does it again.
"""

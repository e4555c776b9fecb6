"""Campaigns of faults: the same worlds sound and with faults, and which chip bears how many.

`run_campaign` drives, `levels` and `halves` say what came of it, `single_bits` which bits matter
in the loop and `criticality` which ones in single decisions, `protections` what guarding takes.
"""

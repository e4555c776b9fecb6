"""Print checksums of what some brains do in the first worlds of a suite.

A version of a suite never changes: a test compares these with `tests/golden/suite_v1.json`, which
this program wrote. Where they differ, results would: that is a new version of the suite.
"""

import argparse
import json

from neurobot.engine import Engine
from neurobot.evaluation import run_all
from neurobot.suite import SUITES, fingerprint

# Of each way to drive one: rules, kernels, a network that sees by camera, one that streams.
BRAINS = ("vfh", "poppins", "cnn-lsq-4b", "tdnn-insight")
EVERY = 13  # of the cells, so many apart: tasks, levels and conditions all come


def fingerprints(name: str) -> dict[str, str]:
    """Drive through the first world of some cells of a suite, here; a checksum for each brain."""
    suite, here = SUITES[name], Engine()
    return {
        brain: fingerprint(run_all(suite.jobs(brain, quick=True)[::EVERY], here))
        for brain in BRAINS
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("suite", nargs="?", default="v1", choices=list(SUITES))
    args = options.parse_args()
    found = {"suite": SUITES[args.suite].sha256, **fingerprints(args.suite)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

"""The C of brain_c.c as a brain, by cffi and the system's compiler: the extra neurobot[brains]."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from cffi import FFI
from numpy.typing import NDArray

from neurobot.cli import main
from neurobot.loop import Observation

C, SOURCE = FFI(), Path(__file__).with_suffix(".c")
C.cdef("void decide(const float *range_m, int beams, float *wheels);")
if not (compiler := shutil.which("cc")):
    raise ImportError(f"{SOURCE.name}: no C compiler found; needed: a command cc")
with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
    library = f"{folder}/brain.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", SOURCE, "-o", library], check=True)
    compiled = C.dlopen(library)


class Brain:
    """Leaves every decision to C."""

    def reset(self, seed: int) -> None:
        """Begin an episode; nothing is left to chance, or remembered."""

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Hand the scan over, and the place where the commands of the wheels are to stand."""
        scan, wheels = observation["range"], np.zeros(2, np.float32)
        compiled.decide(C.from_buffer("float[]", scan), len(scan), C.from_buffer("float[]", wheels))
        return wheels


if __name__ == "__main__":
    raise SystemExit(main(["evaluate", "brain_c:Brain", "--suite", "v1", "--quick"]))

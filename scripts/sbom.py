"""Write the software bill of materials of an install, by CycloneDX: equal installs, equal bytes.

python scripts/sbom.py sbom.json
python scripts/sbom.py sbom.json --python other/venv/bin/python
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from neurobot.version import __version__

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def bill_of(python: str) -> dict[str, Any]:
    """List what is installed where an interpreter finds it; the project comes first."""
    form = ("--output-reproducible", "--no-validate", "--of", "JSON", "--pyproject", str(PROJECT))
    done = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "environment", *form, python],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"cyclonedx-py: {done.stderr.strip()}: pip install 'neurobot[supply]'")
    bill: dict[str, Any] = json.loads(done.stdout)
    bill["metadata"]["component"]["version"] = __version__  # pyproject.toml itself has none
    return bill


def check(text: str) -> None:
    """Refuse a bill that is not as CycloneDX 1.6 has it."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"not a bill of CycloneDX 1.6: {error}")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("out", type=Path, metavar="FILE")
    options.add_argument("--python", default=sys.executable, metavar="EXE", help="of the install")
    args = options.parse_args()
    bill = bill_of(args.python)
    text = json.dumps(bill, indent=1, sort_keys=True) + "\n"
    check(text)
    args.out.write_text(text)
    print(f"{args.out}: neurobot {__version__} and {len(bill['components'])} packages")


if __name__ == "__main__":
    main()

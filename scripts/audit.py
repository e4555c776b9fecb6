"""Ask vulnerability services about every package of an environment, by pip-audit.

Known vulnerabilities end in status 1, but for those that `scripts/audit.toml` sets aside, each with
a reason. Where no service can be reached, that is said, and nothing is claimed; with --required it
ends in status 1, too.

python scripts/audit.py
python scripts/audit.py --requirements lowest.txt
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICES = ("pypi", "osv")
SET_ASIDE = Path(__file__).with_suffix(".toml")
LIMIT_S = 50.0  # of each service
UNREACHED = "no vulnerability service could be reached: not audited"


@dataclass(frozen=True)
class Audit:
    """What a service knows: packages that it was asked about, not asked about, and findings."""

    audited: tuple[str, ...]
    skipped: tuple[str, ...]
    findings: tuple[str, ...]  # "package version: id, mended in ..."


def set_aside(path: Path = SET_ASIDE) -> dict[str, str]:
    """Read which findings are set aside, and why."""
    rows = tomllib.loads(path.read_text()).get("ignored", [])
    for row in rows:
        if set(row) != {"id", "reason"} or not row["reason"].strip():
            raise ValueError(f"{path}: {row} found, an id and a reason needed")
    return {row["id"]: row["reason"] for row in rows}


def read(told: dict[str, Any], ignored: dict[str, str]) -> Audit:
    """Read pip-audit's report."""
    asked = {each["name"]: each for each in told["dependencies"]}
    findings = [
        f"{name} {each['version']}: {vulnerability['id']}, mended in "
        f"{', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for name, each in asked.items()
        for vulnerability in each.get("vulns", ())
        if not {vulnerability["id"], *vulnerability.get("aliases", ())} & set(ignored)
    ]
    skipped = tuple(name for name, each in asked.items() if "skip_reason" in each)
    return Audit(tuple(name for name in asked if name not in skipped), skipped, tuple(findings))


def ask(service: str, what: Sequence[str], ignored: dict[str, str]) -> Audit | None:
    """Ask a service; None: it cannot be reached."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        quiet = ("--progress-spinner", "off", "--timeout", "10", "--aliases", "on")
        kept = ("--format", "json", "--output", str(report), "--cache-dir", folder)
        command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service]
        try:
            subprocess.run(
                [*command, *quiet, *kept, *what], capture_output=True, check=False, timeout=LIMIT_S
            )
        except subprocess.TimeoutExpired:
            return None
        if not report.exists() or not (text := report.read_text()):
            return None
        found = read(json.loads(text), ignored)
    return found if found.audited else None


def tell(service: str, audit: Audit, ignored: dict[str, str]) -> None:
    """Say what was found."""
    print(f"{service}: {len(audit.audited)} packages audited")
    if audit.skipped:
        print(f"not known there, not audited: {', '.join(audit.skipped)}")
    for name, reason in ignored.items():
        print(f"set aside: {name}: {reason}")
    for finding in audit.findings:
        print(f"known vulnerability: {finding}")


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("--requirements", metavar="FILE", help="audit versions pinned there instead")
    add("--required", action="store_true", help="fail where no service can be reached")
    args = options.parse_args()
    ignored = set_aside()
    pinned = ("--requirement", args.requirements, "--no-deps", "--disable-pip")
    what = pinned if args.requirements else ("--local", "--skip-editable")
    for service in SERVICES:
        if audit := ask(service, what, ignored):
            tell(service, audit, ignored)
            return bool(audit.findings)
    print(UNREACHED)
    return int(args.required)


if __name__ == "__main__":
    sys.exit(main())

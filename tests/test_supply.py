"""What is installed: known vulnerabilities are told, and the bill of materials is whole."""

import importlib
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import neurobot
from neurobot.envs.vector import AvoidanceVectorEnv

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"

REPORT = {
    "dependencies": [
        {"name": "sound", "version": "1.0", "vulns": []},
        {"name": "elsewhere", "skip_reason": "not found"},
        {
            "name": "broken",
            "version": "2.0",
            "vulns": [
                {"id": "PYSEC-1", "aliases": ["CVE-1", "GHSA-1"], "fix_versions": ["2.1", "3.0"]},
                {"id": "PYSEC-2", "aliases": [], "fix_versions": []},
            ],
        },
    ],
    "fixes": [],
}


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("audit")


def answers(report: Any) -> Any:
    """Stand in for pip-audit: write a report where it is asked to."""

    def run(command: list[str], **_: Any) -> None:
        if report is not None:
            Path(command[command.index("--output") + 1]).write_text(json.dumps(report))

    return run


def test_known_vulnerabilities_are_told_and_fail(
    audit: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "run", answers(REPORT))
    monkeypatch.setattr(sys, "argv", ["audit.py"])
    assert audit.main() == 1
    told = capsys.readouterr().out
    assert "pypi: 2 packages audited" in told
    assert "not audited: elsewhere" in told
    assert "broken 2.0: PYSEC-1, mended in 2.1, 3.0" in told
    assert "broken 2.0: PYSEC-2, mended in no version yet" in told


def test_what_is_set_aside_by_any_of_its_names_is_no_finding(audit: Any) -> None:
    assert audit.read(REPORT, {"GHSA-1": "reason", "PYSEC-2": "reason"}).findings == ()
    assert len(audit.read(REPORT, {"PYSEC-1": "reason"}).findings) == 1


@pytest.mark.parametrize(
    "report", [None, {"dependencies": [{"name": "elsewhere", "skip_reason": "not found"}]}]
)
def test_what_nobody_audited_is_not_said_to_be_sound(
    audit: Any, report: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "run", answers(report))
    monkeypatch.setattr(sys, "argv", ["audit.py"])
    assert audit.main() == 0
    assert capsys.readouterr().out == "no vulnerability service could be reached: not audited\n"
    monkeypatch.setattr(sys, "argv", ["audit.py", "--required"])
    assert audit.main() == 1


def test_nothing_is_set_aside_without_a_reason(audit: Any, tmp_path: Path) -> None:
    assert all(audit.set_aside().values())
    bare = tmp_path / "audit.toml"
    for row in ('id = "CVE-1"', 'id = "CVE-1"\nreason = " "'):
        bare.write_text(f"[[ignored]]\n{row}\n")
        with pytest.raises(ValueError, match="an id and a reason needed"):
            audit.set_aside(bare)


def test_the_bill_of_materials_is_whole_and_the_same_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not find_spec("cyclonedx_py"):
        pytest.skip("the extra supply is not installed")
    monkeypatch.syspath_prepend(SCRIPTS)
    sbom, path = importlib.import_module("sbom"), tmp_path / "sbom.json"
    monkeypatch.setattr(sys, "argv", ["sbom.py", str(path)])
    sbom.main()
    bill = json.loads(path.read_text())
    assert bill == sbom.bill_of(sys.executable)
    with pytest.raises(ValueError, match=r"not a bill of CycloneDX 1\.6"):
        sbom.check(json.dumps({**bill, "components": [{"name": "no type"}]}))
    root = bill["metadata"]["component"]
    assert (root["name"], root["version"]) == ("neurobot", neurobot.__version__)
    listed = {each["name"].lower(): each["version"] for each in bill["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [re.split(r"[<>=;\[ ]", each)[0] for each in project["dependencies"]]
    assert len(needed) >= 8
    assert {name: listed[name.lower()] for name in needed} == {
        name: version(name) for name in needed
    }


def test_what_was_refused_before_it_was_built_can_be_closed() -> None:
    """The oldest Gymnasium that is allowed closes such an environment, too."""
    AvoidanceVectorEnv.__new__(AvoidanceVectorEnv).close_extras()

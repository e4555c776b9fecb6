"""What the programs touch: no network, no other program, and no file but those they are told of."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from neurobot.compiled import cache_folder

# Runs in a process of its own: nobody can take an audit hook away again.
WATCHED = """
import json, os, sys
sys.dont_write_bytecode = True
seen = []
REACHED = ("connect", "bind", "listen", "sendto", "sendmsg", "getaddrinfo", "gethostbyname")
STARTED = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty")
CHANGED = ("os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "shutil.rmtree")
MOVED = ("os.rename", "os.link", "os.symlink", "shutil.move", "shutil.copyfile")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def watch(event, args):
    area, _, what = event.partition(".")
    if area == "socket" and what in REACHED:
        seen.append(["network", event])
    elif event in STARTED:
        seen.append(["program", str(args[0])])
    elif event == "open" and isinstance(args[0], (str, bytes)) and args[2] & WRITING:
        seen.append(["file", os.path.realpath(os.fsdecode(args[0]))])
    elif event in CHANGED or event in MOVED:
        last = args[1] if event in MOVED else args[0]
        if not isinstance(last, int):
            seen.append(["file", os.path.realpath(os.fsdecode(last))])
    elif event == "sqlite3.connect":
        place = str(args[0])
        if "mode=ro" not in place:
            seen.append(["file", os.path.realpath(place.removeprefix("file:").partition("?")[0])])

told, commands = sys.argv[1], json.loads(sys.argv[2])
sys.addaudithook(watch)
from neurobot.cli import main
found = {}
for command in commands:
    status = main(command)
    found[" ".join(command[:2])] = {"status": status, "seen": list(seen)}
    seen.clear()
with open(told, "w") as file:
    json.dump(found, file)
"""


def watch(folder: Path, *commands: list[str]) -> dict[str, Any]:
    """Run commands in a folder; for each of them, tell what it touched."""
    told = folder / "told.json"
    home, scratch = folder / "home", folder / "scratch"
    for place in (home, scratch):
        place.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(told), json.dumps(commands)],
        env={**os.environ, "HOME": str(home), "TMPDIR": str(scratch)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    found: dict[str, Any] = json.loads(told.read_text())
    assert [each["status"] for each in found.values()] == [0] * len(commands), done.stderr
    return found


def touched(what: dict[str, Any], kind: str) -> set[str]:
    """Return what of a kind a command touched."""
    return {name for found, name in what["seen"] if found == kind}


def allowed(path: str, *places: Path) -> bool:
    """Whether a file lies in one of some places, or is none at all."""
    folders = [os.path.realpath(place) for place in places]
    return path == os.devnull or any(path == at or path.startswith(f"{at}/") for at in folders)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("rights")
    drive = ["evaluate", "poppins", "cnn-lsq-4b", "vfh", "--scenario", "empty", "--episodes", "1"]
    commands = [
        [*drive, "--time-limit", "2", "--out", "run", "--json"],
        ["verify", "run"],
        ["merge", "run", "--out", "merged"],
        ["list"],
        ["evaluate", "vfh", *drive[4:-1], "2", "--time-limit", "1", "--jobs", "2", "--json"],
    ]
    if find_spec("plotly") and find_spec("jinja2"):
        (folder / "pages").mkdir()
        commands.append(["report", "run", "--out", "pages/page.html"])
    return folder, watch(folder, *commands)


def test_no_command_reaches_for_the_network_or_starts_a_program_but_itself(
    found: tuple[Path, dict[str, Any]],
) -> None:
    for command, what in found[1].items():
        assert not touched(what, "network"), command
        assert touched(what, "program") <= {sys.executable, "uname"}, command  # by `platform`


def test_files_are_written_where_a_command_was_told_to_and_nowhere_else(
    found: tuple[Path, dict[str, Any]],
) -> None:
    folder, commands = found
    kernels, scratch = Path(cache_folder()).parent, folder / "scratch"
    named = {"evaluate": "run", "merge": "merged", "report": "pages", "verify": "run"}
    for command, what in commands.items():
        out = named.get(command.split()[0])
        places = (kernels, scratch, *([folder / out] if out else []))
        strange = [path for path in touched(what, "file") if not allowed(path, *places)]
        assert not strange, command
    assert not list((folder / "home").iterdir())
    assert not list(scratch.iterdir()), "nothing temporary is left"


def test_the_watch_sees_what_it_is_there_to_see(tmp_path: Path) -> None:
    (tmp_path / "rude.py").write_text(
        "import socket, subprocess\n"
        "class Rude:\n"
        "    def reset(self, seed): pass\n"
        "    def act(self, observation): return [0.0, 0.0]\n"
        "open('elsewhere', 'w').close()\n"
        "subprocess.run(['true'])\n"
        "try: socket.create_connection(('127.0.0.1', 1), 0.1)\n"
        "except OSError: pass\n"
    )
    asked = ["evaluate", "rude:Rude", "--scenario", "empty", "--episodes", "1"]
    (what,) = watch(tmp_path, [*asked, "--time-limit", "0.2", "--json"]).values()
    assert str(tmp_path / "elsewhere") in touched(what, "file")
    assert "true" in touched(what, "program")
    assert touched(what, "network")

"""Readers of files, each with files that our own writers make, and what must hold of what is read.

A reader may refuse a file by a `ValueError` of our own kinds, of one sentence that names the file.
What it takes must be sound: written again it reads the same, a world can be driven in, a network
can be run. Everything else is a finding: another error, a crash, a hang, too much memory.
"""

import gzip
import io
import json
import math
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import forged_files
import numpy as np
import yaml
from forging import Change, Folder, mutate, pack_archive, pack_folder, spoil, unpack_folder
from PIL import Image
from world_files import KINDS, map_arrays, ros_table

from neurobot.controllers import WEIGHTS
from neurobot.envs.archive import WorldFileError
from neurobot.store import StoreError

OURS = (ValueError, WorldFileError, StoreError)  # these very types, no library's kinds of them
LONGEST = 1000  # letters of a refusal
RUN_VALUES = 1 << 20  # a network with larger maps is not run
Array = np.ndarray[Any, Any]
Reader = Callable[[Path], Any]
Repair = Callable[[bytes, Random], bytes]


class FindingError(AssertionError):
    """What a reader must not do."""


@contextmanager
def sound() -> Iterator[None]:
    """Whatever is wrong with what has been read is a finding, a refusal too."""
    try:
        yield
    except Exception as error:
        raise FindingError(f"taken, and then: {type(error).__name__}: {error}") from error


def require(holds: Any, what: str) -> None:
    """Refuse what has been read."""
    if not holds:
        raise FindingError(what)


def leave_as_it_is(data: bytes, rng: Random) -> bytes:
    """Make no checksum fit."""
    return data


@dataclass(frozen=True)
class Form:
    """A kind of file of a reader: sound ones, how it is read, and what makes checksums fit.

    forged: files made to explode, which are tried once and never changed.
    """

    file: str  # its name; of a folder of files, the name of that folder
    seeds: Callable[[], list[bytes]]
    read: Reader
    repair: Repair = leave_as_it_is
    named: bool = True  # whether its reader is told a file
    forged: Callable[[], list[bytes]] = list


@dataclass(frozen=True)
class Target:
    """A reader, of some kinds of files, and the modules whose branches lead the search."""

    title: str
    forms: tuple[Form, ...]
    modules: tuple[str, ...]


@cache
def room() -> Path:
    """Return a folder of this process, in memory where there is such a place."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))


@cache
def seeds_of(form: Form) -> list[bytes]:
    """Make the sound files of a form once."""
    return form.seeds()


def place(form: Form, data: bytes) -> Path:
    """Write an input to where its reader finds it; a folder's files, as far as they go."""
    path = room() / form.file
    if path.suffix or not form.named:
        path.write_bytes(data)
        return path
    path.mkdir(exist_ok=True)
    for old in path.iterdir():
        old.unlink()
    try:
        files = unpack_folder(data)
    except (ValueError, TypeError, RecursionError):
        files = {}
    for name, content in files.items():
        if re.fullmatch(r"[\w.]{1,99}", str(name)):
            (path / name).write_bytes(content)
    return path


def check_refusal(error: Exception, form: Form) -> None:
    """Refuse a refusal that is not one of ours."""
    sentence = str(error)
    if type(error) not in OURS:
        raise FindingError(f"{type(error).__name__}: {sentence}") from error
    for holds, what in (
        (not form.named or form.file.partition(".")[0] in sentence, "names no file"),
        ("\n" not in sentence, "is more than a line"),
        (not form.named or len(sentence) <= LONGEST + len(str(room())), "is too long"),
        ("MemoryError" not in sentence and "allocate" not in sentence, "is out of memory"),
        (sentence.encode(errors="replace").decode() == sentence, "cannot be printed"),
    ):
        if not holds:
            raise FindingError(f"a refusal {what}: {sentence[:300]!r}") from error


def attempt(form: Form, data: bytes) -> bool:
    """Read an input; return whether it was taken, raise what must not be."""
    path = place(form, data)
    try:
        form.read(path)
    except FindingError:
        raise
    except Exception as error:
        check_refusal(error, form)
        return False
    return True


def split(target: Target, data: bytes) -> tuple[Form, bytes]:
    """Tell by the first byte of an input which form it has."""
    return target.forms[(data[0] if data else 0) % len(target.forms)], data[1:]


def corpus(target: Target) -> list[bytes]:
    """Return the sound inputs of a target."""
    forms = enumerate(target.forms)
    return [bytes([number]) + seed for number, form in forms for seed in seeds_of(form)]


def forgeries(target: Target) -> Iterator[bytes]:
    """Yield the inputs of a target that are made to explode."""
    for number, form in enumerate(target.forms):
        yield from (bytes([number]) + forged for forged in form.forged())


def change(target: Target, data: bytes, rng: Random, how: Change = spoil) -> bytes:
    """Change an input, and mostly make its checksums fit; how: as bytes are changed."""
    number, rest = data[:1] or b"\0", data[1:]
    form = target.forms[number[0] % len(target.forms)]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        rest = mutate(rest, rng, how)
    if rng.random() < 0.9:
        with suppress(Exception):  # where nothing is left that a checksum could fit
            rest = form.repair(rest, rng)
    return number + rest


# Worlds


def npz(arrays: dict[str, Any], packed: bool = False) -> bytes:
    """Write arrays as an .npz."""
    target = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(target, **arrays)
    return target.getvalue()


def drive(path: Path) -> None:
    """Read worlds, draw some, and drive a step in one."""
    from neurobot.envs.avoidance import NavigationEnv
    from neurobot.envs.maps import open_worlds
    from neurobot.envs.world import ROBOTS

    worlds = open_worlds(str(path))
    rng = np.random.default_rng(0)
    for k in {0, (worlds.count or 1) - 1}:
        scene = worlds.draw(rng, 0.5, ROBOTS[worlds.robot or "jackal"], k)
        for values in (scene.discs, scene.outlines, scene.start, scene.goal, scene.bounds):
            require(np.isfinite(values).all(), "a world with numbers that are not finite")
    env = NavigationEnv(scenario=str(path))
    env.reset(seed=0)
    with sound():
        seen, reward, *_ = env.step(env.action_space.sample())
        require(env.observation_space.contains(seen), "an observation out of its space")
        require(math.isfinite(reward), "a reward that is not finite")


def world_seeds(kinds: Iterable[str]) -> list[bytes]:
    """Write small worlds."""
    return [npz(KINDS[kind](), packed) for kind in kinds for packed in (False, True)]


def bombs(arrays: dict[str, Any]) -> list[bytes]:
    """Pack much into the first array: by each method, with a size that lies; and many members."""
    name, *others = ((f"{name}.npy", forged_files.array_file(arrays[name])) for name in arrays)
    rest = [(*other, 0) for other in others]
    zeros = array_bytes("|u1", (20_000_000,), bytes(20_000_000))
    found = [pack_archive([*rest, (name[0], zeros, how)]) for how in (8, 12, 14)]
    lying = bytearray(found[0])
    mark = lying.rindex(b"PK\x01\x02")
    lying[mark + 24 : mark + 28] = (200).to_bytes(4, "little")
    claim = pack_archive([*rest, (name[0], array_bytes("<f8", (10**9, 2), b""), 0)])
    many = pack_archive([(f"{k}__meta.npy", b"", 0) for k in range(5000)])
    return [*found, bytes(lying), claim, many]


def array_bytes(kind: str, shape: tuple[int, ...], values: bytes) -> bytes:
    """Write an array whose header may say what it likes."""
    head = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + values


def picture(suffix: str, pixels: Array | None = None, mode: str | None = None) -> bytes:
    """Write a map's picture."""
    image = Image.fromarray(map_arrays()["hall"] if pixels is None else pixels)
    target = io.BytesIO()
    (image.convert(mode) if mode else image).save(target, suffix)
    return target.getvalue()


PLAIN_PICTURE = b"P2\n3 2\n255\n0 255 0\n254 0 7\n"


def ros_text() -> bytes:
    """Write the YAML of a map."""
    return yaml.safe_dump(ros_table() | {"image": "hall.img"}).encode()


def ros_seeds() -> list[bytes]:
    """Write maps of ROS with pictures of some kinds."""
    kinds = [("PPM", None), ("PNG", None), ("BMP", None), ("PNG", "RGBA"), ("PNG", "P"),
             ("PPM", "RGB"), ("PNG", "I;16"), ("PNG", "1"), ("PNG", "LA")]  # fmt: skip
    pictures = [picture(kind, mode=mode) for kind, mode in kinds] + [PLAIN_PICTURE]
    return [pack_folder({"hall.yaml": ros_text(), "hall.img": each}) for each in pictures]


def ros_bombs() -> list[bytes]:
    """Write YAML whose references, merges and numbers of base 60 grow, and pictures that claim."""
    text = ros_text()
    laughs = b"a: &a [x, x]\n" + b"".join(
        b"%c: &%c [*%c, *%c, *%c, *%c]\n" % (97 + k, 97 + k, *[96 + k] * 4) for k in range(1, 22)
    )
    merges = b"a: &a {x: 1}\n" + b"".join(
        b"%c: &%c\n  <<: [*%c, *%c, *%c]\n" % (97 + k, 97 + k, *[96 + k] * 3) for k in range(1, 20)
    )
    texts = [laughs + text.replace(b"mode", b"x") + b"mode: *v\n", merges + text,
             text.replace(b"origin:", b"origin: &o\n- *o\n#"),
             text + b"more: " + b"1:" * 9000]  # fmt: skip
    claims = [b"P5 8000 8000 255\n", b"P2 8000 8000 255\n0", b"P5 30000 30000 255\n",
              picture("PNG", np.zeros((8000, 8000), np.uint8))]  # fmt: skip
    folders = [{"hall.yaml": each, "hall.img": PLAIN_PICTURE} for each in texts]
    folders += [{"hall.yaml": text, "hall.img": each} for each in claims]
    return [pack_folder(folder) for folder in folders]


# Networks and machines


def network_seeds() -> list[bytes]:
    """Read networks that ship, and make small ones of every kind of layer."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
    from qnets import networks

    from neurobot.qnet.files import encode

    found: list[bytes] = []
    quiet = settings(max_examples=12, derandomize=True, database=None, deadline=None,
                     phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip

    @quiet
    @given(st.one_of(networks(), networks(real=True)))
    def collect(drawn: Any) -> None:
        found.append(encode(drawn[0]))

    collect()
    shipped = [WEIGHTS / f"{name}.npz" for name in ("uniq-1b", "cim-4b", "ppo-range-lsq-4b")]
    return [*sorted(set(found), key=len), *(path.read_bytes() for path in shipped)]


def machine_seeds() -> list[bytes]:
    """Make small machines, with trees and without."""
    from hypothesis import HealthCheck, Phase, given, settings
    from tdnns import nets

    from neurobot.tdnn.files import encode

    found: list[bytes] = []
    quiet = settings(max_examples=12, derandomize=True, database=None, deadline=None,
                     phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip

    @quiet
    @given(nets())
    def collect(drawn: Any) -> None:
        found.append(encode(drawn[0]))

    collect()
    return [*sorted(set(found), key=len), (WEIGHTS / "tdnn-range.npz").read_bytes()]


def sign_network(data: bytes, rng: Random) -> bytes:
    """Make the checksum of a network's file fit."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    signed = forged_files.sign(forged_files.header_of(members), members)
    return pack_archive([(name, content, 0) for name, content in signed.items()])


def run_network(path: Path) -> None:
    """Read a network, write it again, and run an image through it."""
    from neurobot.qnet import Runner
    from neurobot.qnet.files import encode, load

    network = load(path)
    require(encode(network) == path.read_bytes(), "a network that is written otherwise")
    with sound():
        if sum(signal.values for signal in network.signals.values()) <= RUN_VALUES:
            scores = Runner(network)(np.zeros(network.input_shape, np.int64))
            require(scores.shape == (network.output.shape[2],), "scores of another shape")


def run_machine(path: Path) -> None:
    """Read a machine, write it again, and run a frame through it where it can be built."""
    from neurobot.insight import Machine
    from neurobot.tdnn.files import encode, load

    net = load(path)
    require(encode(net) == path.read_bytes(), "a machine that is written otherwise")
    if sum(signal.values for signal in net.signals) > RUN_VALUES:
        return
    try:
        machine = Machine(net)
    except ValueError:
        return
    with sound():
        scores = machine.run(np.zeros(net.input_shape, np.int64))
        require(scores.shape == (net.signals[-1].shape[2],), "scores of another shape")


# Programs, memory images


def program_seeds() -> list[bytes]:
    """Write programs of both tasks, and of one."""
    from neurobot.controllers.program_files import PROGRAMS, write_programs
    from neurobot.controllers.programs import HANDMADE, Pair

    path = room() / "seed.json"
    write_programs(path, HANDMADE, {"command": "x", "numbers": [1, 2.5, None]})
    both = path.read_bytes()
    write_programs(path, Pair(None, HANDMADE.seek), {})
    shipped = PROGRAMS["evolved"]
    assert isinstance(shipped, Path)
    return [both, path.read_bytes(), shipped.read_bytes()]


@cache
def jackal_body() -> Any:
    """Return what a controller may know of a robot."""
    from neurobot.envs.avoidance import NavigationEnv

    return NavigationEnv(scenario="empty").body


def run_program(path: Path) -> None:
    """Read programs, write them again, and take a decision by each."""
    from neurobot.controllers.poppins import PoppinsController
    from neurobot.controllers.program_files import read_programs, write_programs

    pair, again = read_programs(path), path.with_name("again.json")
    write_programs(again, pair, {})
    require(read_programs(again) == pair, "programs that are written otherwise")
    with sound():
        mind: Any = PoppinsController(program=str(path))
        mind.attach(jackal_body())
        for task, more in (("roam", {}), ("seek", {"goal": np.ones(2, np.float32)})):
            if getattr(pair, task) is not None:
                mind.reset(0)
                seen = {"range": np.full(72, 2, np.float32), "velocity": np.zeros(2, np.float32)}
                require(np.isfinite(mind.act({**seen, **more})).all(), "wheels that are not finite")


def image_seeds() -> list[bytes]:
    """Write the memories and tables of small chips."""
    from networks import small

    from neurobot.chip import Chip
    from neurobot.controllers import veto
    from neurobot.controllers.programs import ROAM
    from neurobot.transfer.images import write_network

    found = []
    sectors = np.linspace(-2, 2, veto.SECTORS)
    for k, network in enumerate((small(), veto.build(ROAM.wiring, sectors, Chip()))):
        folder = room() / f"seed{k}"
        write_network(network, folder)
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        found.append(pack_folder(files))
    return found


def sign_images(data: bytes, rng: Random) -> bytes:
    """Make the checksums of memory images fit."""
    from hashlib import sha256

    files: Folder = unpack_folder(data)
    header: Any = json.loads(files["header.json"])
    for entry in header["memories"]:
        if isinstance(entry, dict) and entry.get("file") in files:
            entry["sha256"] = sha256(files[entry["file"]]).hexdigest()
    header.pop("sha256", None)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    header["sha256"] = sha256(text).hexdigest()
    files["header.json"] = json.dumps(header, indent=1).encode() + b"\n"
    return pack_folder(files)


def load_images(folder: Path) -> None:
    """Read a chip, write it again, and let it tick."""
    from neurobot.transfer.images import read_images, read_network, write_images

    network = read_images(folder)
    again = folder.with_name("images-again")
    write_images(network, again)
    for path in again.iterdir():
        if path.suffix == ".hex":
            require(path.read_bytes() == (folder / path.name).read_bytes(), "other words")
    with sound():
        trace = network.trace(np.ones((3, len(network)), np.bool_))
        require(trace.spikes.shape == (3, len(network)), "other ticks")
    read_network(folder)


# Records


def record_seeds() -> list[bytes]:
    """Keep episodes of some kinds, with facts, and one without."""
    from records import make_record

    from neurobot.episodes import Cell, Job, to_result
    from neurobot.events import MacEvents
    from neurobot.faults.draw import Upsets
    from neurobot.faults.spec import Faults
    from neurobot.store import FILE_NAME, Store, Stored
    from neurobot.suite import V1

    def job_for(record: Any) -> Job:
        options = (("time_limit_s", 5.0), ("dead_beams", (1, 2)))
        faults = record.upsets and Faults(count=1)
        return Job(record.controller, record.env, record.scenario, record.episode, record.seed,
                   cell=record.cell, options=options, faults=faults)  # fmt: skip

    suite = Cell("v1", "navigation", "clean", "easy")
    fault = {"outcome": "fault", "fault": "it said no", "events": None}
    records = [make_record(), make_record(episode=1, seed=1, outcome="collision", cell=suite),
               make_record(controller="cnn-mars", events=MacEvents(cycles=7, macs_4b=9)),
               make_record(controller="vfh", **fault)]  # fmt: skip
    rows = [Stored(job_for(each).key, to_result(each), each.trace) for each in records]
    facts = {"provenance": [{"neurobot": "0", "command": "x"}], "controllers": {"poppins": {}},
             "complexity": {"poppins": {"footprint_bytes": 1}}, "suite":
             {"name": "v1", "quick": False, "sha256": V1.sha256}}  # fmt: skip
    found = []
    hit = make_record(upsets=Upsets(1, 1, "CgAAAAIAAAA="))
    campaign = [rows[0], Stored(job_for(hit).key, to_result(hit), hit.trace)]
    for number, (some, told) in enumerate(((rows, facts), (rows[:1], {}), (campaign, {}))):
        folder = room() / f"run{number}"
        with Store(folder) as store:
            store.add_all(some, told)
            store.connection.execute("PRAGMA journal_mode=DELETE")
            store.connection.execute("VACUUM")
        found.append(pack_folder({FILE_NAME: (folder / FILE_NAME).read_bytes()}))
    return found


def study_run(folder: Path) -> None:
    """Read a run folder as each command does, and sum up what is in it."""
    from neurobot.campaign.levels import levels
    from neurobot.campaign.runs import read_campaign
    from neurobot.demo.replay import read_folder
    from neurobot.merging import merge_episodes, merge_facts
    from neurobot.metrics import figures
    from neurobot.report.study import read_study
    from neurobot.store import read_run
    from neurobot.verification import read_records

    run = read_run(folder)
    runs = {folder: run, folder / "other": run}
    merge_episodes(runs)
    merge_facts(runs)
    if any(each.key.get("faults") for each in run.episodes):
        levels(read_campaign(folder))
        return
    study = read_study(str(folder))
    read_folder(folder)
    with sound():
        for brain in study.brains:
            figures([each.record for each in study.of(brain)], "cells180")
        require(isinstance(study.versions, list), "no versions")
    read_records(folder)


def trace_seeds() -> list[bytes]:
    """Pack courses of episodes."""
    from neurobot.trace import pack

    return [pack([[0, 0], [1, 2]], [0.1] * 5, [[1, 2, 3]]), pack([[0, 0]], [], np.zeros((0, 3)))]


def read_trace(path: Path) -> None:
    """Unpack a trace; the reader is told no file."""
    from neurobot.trace import unpack

    trace = unpack(path.read_bytes())
    with sound():
        require(np.isfinite(trace.path_m).all(), "a path that is not finite")
        require(trace.path_m.shape[1:] == (2,) and trace.discs.shape[1:] == (3,), "other shapes")


@cache
def small_study() -> Any:
    """Return a study whose trials a file may hold."""
    from test_trials import make_study, make_trials

    from neurobot.column_cim.trials import run_trials

    study = make_study((0,), 8)
    return study, run_trials(study, make_trials(study, 1))


def trial_seeds() -> list[bytes]:
    """Write the lines of a study's trials, and of one that was killed."""
    lines = [json.dumps(line, sort_keys=True).encode() + b"\n" for line in small_study()[1]]
    return [b"".join(lines[:4]), b"".join(lines[:2])[:-9], b"", b"\n" * 5]


def read_trials(path: Path) -> None:
    """Read trials."""
    from neurobot.column_cim.trials import read_lines

    for key, line in read_lines(path, small_study()[0]).items():
        require(0 <= line["accuracy"] <= 1 and json.loads(key), "a result that no trial has")


# Images, checkpoints, scores


def labelled_seeds() -> list[bytes]:
    """Write images with labels."""
    return [npz(labelled_arrays()), npz(labelled_arrays(), packed=True)]


def labelled_arrays() -> dict[str, Any]:
    """Draw images with labels."""
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), np.uint8)
    return {"images": images, "labels": np.arange(5)}


def labelled_bombs() -> list[bytes]:
    """Write what is no archive, or holds objects, or far too much."""
    arrays = labelled_arrays()
    single = io.BytesIO()
    np.save(single, arrays["images"])
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], object), allow_pickle=True)
    objects = pack_archive([("images.npy", pickled.getvalue(), 0), ("labels.npy", b"", 0)])
    return [single.getvalue(), objects, *bombs(arrays)]


def read_labels(path: Path) -> None:
    """Read images with labels."""
    from neurobot.cli.labelled import read_labelled

    (_, images, labels), _ = read_labelled(str(path))
    require(len(images) == len(labels) >= 1 and images.dtype == np.uint8, "other images")


def lesson_arrays() -> dict[str, Any]:
    """Return lessons of a school, about nothing."""
    return {"pictures": np.zeros((6, 12, 16), np.uint8), "worth": np.zeros((6, 77), np.float32)}


def lesson_seeds() -> list[bytes]:
    """Write lessons of a school."""
    return [npz(lesson_arrays(), packed=True), npz(lesson_arrays())]


def read_school(path: Path) -> None:
    """Read lessons."""
    from neurobot.imitate.school import read_lessons

    lessons = read_lessons(path)
    require(len(lessons.pictures) == len(lessons.worth), "lessons of other lengths")


def idx(dimensions: tuple[int, ...], values: bytes) -> bytes:
    """Write an IDX file, gzipped."""
    head = bytes([0, 0, 8, len(dimensions)]) + b"".join(n.to_bytes(4, "big") for n in dimensions)
    return gzip.compress(head + values, mtime=0)


def idx_seeds() -> list[bytes]:
    """Write images, and none."""
    return [idx((5, 4, 3), bytes(range(60))), idx((0, 4, 3), b"")]


def idx_bombs() -> list[bytes]:
    """Write a shape without images, and much too many zeros."""
    return [idx((1 << 31, 2, 2), b""), idx((5, 4, 3), bytes(400_000_000))]


def read_idx_file(path: Path) -> None:
    """Read images."""
    from neurobot.quantize.image_files import read_idx

    require(read_idx(path, 3).ndim == 3, "other dimensions")


def jpeg(side: int = 8, suffix: str = "JPEG") -> bytes:
    """Write a small picture in colours."""
    target = io.BytesIO()
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(target, suffix)
    return target.getvalue()


def jpeg_seeds() -> list[bytes]:
    """Write an archive of JPEG files."""
    return [npz(jpeg_arrays())]


def jpeg_arrays() -> dict[str, Any]:
    """Lay two JPEG files end to end."""
    files = [jpeg(), jpeg()]
    return {"jpeg": np.frombuffer(b"".join(files), np.uint8), "labels": np.zeros(2, np.uint8),
            "offsets": np.cumsum([0, *map(len, files)])}  # fmt: skip


def read_jpeg_file(path: Path) -> None:
    """Read pictures of an archive."""
    from neurobot.quantize.image_files import read_jpegs

    images, labels = read_jpegs(path, 8, 10)
    require(images.shape == (len(labels), 8, 8, 3), "other images")


def view_seeds() -> list[bytes]:
    """Write pictures."""
    return [jpeg(16), jpeg(16, "PNG"), picture("PNG"), picture("PNG", mode="RGBA")]


def view_bombs() -> list[bytes]:
    """Write pictures that claim to be large, and one that is."""
    large = jpeg(16).replace((16).to_bytes(2, "big") * 2, (65000).to_bytes(2, "big") * 2, 1)
    return [b"P5 30000 30000 255\n", large, picture("PNG", np.zeros((9000, 9000), np.uint8))]


def view_picture(path: Path) -> None:
    """Read a picture of a class."""
    from neurobot.quantize.image_files import view_image

    for generator in (None, np.random.default_rng(0)):
        require(view_image(path, 8, generator).shape == (8, 8, 3), "another size")


IDENTITY = {"network": "small_cnn", "bits": 4, "options": {"a": [0.5, None]}}


def checkpoint_seeds() -> list[bytes]:
    """Keep a small training."""
    import torch

    from neurobot.quantize.checkpoints import save_checkpoint

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    path = room() / "seed.pt"
    parts = {"identity": IDENTITY, "model": model.state_dict(),
             "optimizer": optimizer.state_dict(), "step": 1, "steps": 2, "sums": torch.zeros(3),
             "rng": torch.get_rng_state()[:16], "history": [{"loss": 0.5}]}  # fmt: skip
    save_checkpoint(path, parts)
    whole = path.read_bytes()
    torch.save({"version": 1, "run": print}, path)
    return [whole, path.read_bytes()]


def read_checkpoint(path: Path) -> None:
    """Read a checkpoint, and put its weights into a network."""
    import torch

    from neurobot.quantize.checkpoints import check_identity, load_checkpoint, load_weights

    parts = load_checkpoint(path)
    load_weights(path, torch.nn.Linear(3, 2), parts["model"])
    check_identity(path, parts["identity"], IDENTITY)


def score_seeds() -> list[bytes]:
    """Write the scores of a search."""
    return [json.dumps({"a" * 64: 0.5, "b" * 64: 1.0}, indent=1).encode() + b"\n", b"{}"]


def read_kept_scores(path: Path) -> None:
    """Read the scores of a search."""
    from neurobot.compile.candidates import read_scores

    require(all(map(math.isfinite, read_scores(path).values())), "scores that are not finite")


# Settings


def option_seeds() -> list[bytes]:
    """Name controllers and environments with options."""
    controllers = (
        *("poppins?current_bits=10&wraps=true", "poppins?program=evolved&neurons=128&lanes=2"),
        *("cnn-mars?rows=8", "cnn-lsq-4b?rows=8&columns=8&clock_hz=1e6", "braitenberg", "vfh?x=1"),
        *("tdnn-insight?clock_hz=2e7", "cnn-cim-4b?adc_bits=4", "ppo-range", "random", "camera"),
    )
    return [name.encode() for name in controllers]


def build_controller(path: Path) -> None:
    """Build the controller that a text names, and let it decide once."""
    from neurobot.controllers import CONTROLLERS, make_controller

    name = path.read_bytes().decode(errors="replace")
    row, asked, options = name.partition("?")
    known = list(CONTROLLERS)
    # No module of anybody's is loaded: a row of the table, whatever the options are.
    row = row if row in CONTROLLERS else known[len(row) % len(known)]
    make_controller(row + asked + options)


def setting_seeds() -> list[bytes]:
    """Write options of an environment as JSON."""
    return [json.dumps(each).encode() for each in (
        {"scenario": "forest", "difficulty": 0.5, "robot": None, "sensor": "range", "beams": 8,
         "dead_beams": [1, 2], "noise": 0.1, "dropout": 0.1, "time_limit_s": 5, "ground_m2": 9},
        {"robot": "fly", "action": "discrete", "control_period_s": 0.1, "substep_s": 0.01},
        {"sensor": "camera", "camera_rows": 4, "camera_columns": 8, "field_of_view_deg": 90.0,
         "lidar_range_m": 3},
    )]  # fmt: skip


def build_env(path: Path) -> None:
    """Make an environment by options, and take a step."""
    from neurobot.envs.avoidance import AvoidanceEnv

    try:
        options = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    if not isinstance(options, dict) or not isinstance(options.get("scenario", ""), str):
        return
    env = AvoidanceEnv(**options)
    if max(env.batch.settings.camera_rows, env.batch.settings.camera_columns) > 1 << 8:
        return
    with sound():
        env.reset(seed=0)
        seen, *_ = env.step(env.action_space.sample())
        require(env.observation_space.contains(seen), "an observation out of its space")


def worlds_form(*kinds: str) -> Form:
    """Return the form of a file of arrays of some kinds of worlds."""
    first = KINDS[kinds[0]]
    return Form("worlds.npz", lambda: world_seeds(kinds), drive, forged=lambda: bombs(first()))


TARGETS = {
    "worlds": Target(
        "world files: cylinders, polygons",
        (worlds_form("cylinders", "polygons"),),
        ("neurobot.envs.archive", "neurobot.envs.mapfiles", "neurobot.envs.maps",
         "neurobot.envs.outlines", "neurobot.bounded"),
    ),
    "maps": Target(
        "maps: arrays, and ROS maps with their pictures",
        (worlds_form("map"), Form("hall", ros_seeds, lambda folder: drive(folder / "hall.yaml"),
              forged=ros_bombs)),
        ("neurobot.envs.archive", "neurobot.envs.occupancy", "neurobot.envs.maps",
         "neurobot.envs.outlines", "neurobot.bounded", "yaml"),
    ),
    "networks": Target(
        "artefacts: integer networks",
        (Form("network.npz", network_seeds, run_network, sign_network),),
        ("neurobot.qnet.archives", "neurobot.qnet.checks", "neurobot.qnet.columns",
         "neurobot.qnet.conv", "neurobot.qnet.files", "neurobot.qnet.layers",
         "neurobot.qnet.network", "neurobot.qnet.packing", "neurobot.qnet.scales",
         "neurobot.qnet.signals", "neurobot.qnet.slicing", "neurobot.qnet.tiling"),
    ),
    "machines": Target(
        "artefacts: time-delay networks",
        (Form("machine.npz", machine_seeds, run_machine, sign_network),),
        ("neurobot.qnet.archives", "neurobot.qnet.checks", "neurobot.qnet.files",
         "neurobot.qnet.packing", "neurobot.tdnn.files", "neurobot.tdnn.form",
         "neurobot.tdnn.timing"),
    ),
    "images": Target(
        "memory images and tables of a chip",
        (Form("images", image_seeds, load_images, sign_images),),
        ("neurobot.transfer.images", "neurobot.transfer.memories", "neurobot.transfer.tables"),
    ),
    "records": Target(
        "records: run folders, traces, trials",
        (
            Form("run", record_seeds, study_run),
            Form("trace", trace_seeds, read_trace, named=False,
                 forged=lambda: [zlib.compress(bytes(300_000_000))]),
            Form("trials.jsonl", trial_seeds, read_trials),
        ),
        ("neurobot.store", "neurobot.episodes", "neurobot.merging", "neurobot.trace",
         "neurobot.verification", "neurobot.demo.replay", "neurobot.report.study",
         "neurobot.column_cim.trials"),
    ),
    "trainings": Target(
        "images to learn from, checkpoints, scores of searches",
        (
            Form("labelled.npz", labelled_seeds, read_labels, forged=labelled_bombs),
            Form("lessons.npz", lesson_seeds, read_school, forged=lambda: bombs(lesson_arrays())),
            Form("images.gz", idx_seeds, read_idx_file, forged=idx_bombs),
            Form("jpegs.npz", jpeg_seeds, read_jpeg_file, forged=lambda: bombs(jpeg_arrays())),
            Form("picture.jpg", view_seeds, view_picture, forged=view_bombs),
            Form("checkpoint.pt", checkpoint_seeds, read_checkpoint),
            Form("scores.json", score_seeds, read_kept_scores),
        ),
        ("neurobot.bounded", "neurobot.cli.labelled", "neurobot.imitate.school",
         "neurobot.quantize.image_files", "neurobot.quantize.checkpoints",
         "neurobot.compile.candidates", "torch._weights_only_unpickler"),
    ),
    "settings": Target(
        "settings: programs, options of controllers and of environments",
        (
            Form("program.json", program_seeds, run_program),
            Form("option", option_seeds, build_controller, named=False),
            Form("setting.json", setting_seeds, build_env, named=False),
        ),
        ("neurobot.controllers.program_files", "neurobot.controllers.programs",
         "neurobot.envs.settings", "neurobot.controllers", "neurobot.ranges"),
    ),
}  # fmt: skip

"""Every reader of files, fuzzed for a moment, and what longer runs of `scripts/fuzz.py` found."""

import ast
import gzip
import json
import os
import pickle
import resource
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import fuzz_targets
import numpy as np
import pytest
import yaml
from forged_files import array_file, header_of, read_members, sign, write_members
from forging import pack_archive
from fuzz_targets import TARGETS, array_bytes, npz
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from records import make_record
from world_files import KINDS, cylinder_arrays, map_arrays, ros_table, write_npz, write_ros

from neurobot.bounded import Members, parse_array, parse_json
from neurobot.column_cim.trials import read_lines
from neurobot.demo.replay import read_folder
from neurobot.envs.archive import WorldFileError
from neurobot.envs.maps import open_worlds
from neurobot.envs.settings import make_settings
from neurobot.episodes import from_result, job_of, to_result
from neurobot.fit.history import Generation
from neurobot.qnet import Network, Scores, SumPool
from neurobot.qnet import files as network_files
from neurobot.store import FILE_NAME, Store, StoreError, read_run
from neurobot.trace import pack, unpack
from neurobot.verification import read_records

pytest.importorskip("torch")

briefly = settings(
    max_examples=20,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("reader", TARGETS)
def test_a_file_is_taken_and_sound_or_refused_in_a_sentence_of_ours(reader: str) -> None:
    target = TARGETS[reader]
    sound = fuzz_targets.corpus(target)
    assert any(fuzz_targets.attempt(*fuzz_targets.split(target, data)) for data in sound)

    @briefly
    @given(st.integers(0, len(sound) - 1), st.integers(0, 1 << 32))
    def changed(number: int, seed: int) -> None:
        forged = fuzz_targets.change(target, sound[number], Random(seed))
        fuzz_targets.attempt(*fuzz_targets.split(target, forged))

    changed()


FORMS = {form.file: (target, form) for target in TARGETS.values() for form in target.forms}


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="no limit of memory here")
@pytest.mark.parametrize(
    "file", [name for name, (_, form) in FORMS.items() if form.forged is not list]
)
def test_what_is_made_to_explode_is_refused_within_bounds(file: str) -> None:
    form, seen = FORMS[file][1], peak()
    for data in form.forged():
        if len(data) < 1_000_000:
            assert not fuzz_targets.attempt(form, data) or file == "hall"
    assert peak() - seen < 1 << 30


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


PLACES = ("worlds.npz", "network.npz", "machine.npz", "program.json", "trials.jsonl",
          "labelled.npz", "lessons.npz", "images.gz", "jpegs.npz", "picture.jpg",
          "checkpoint.pt", "scores.json")  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "pipe", "nothing", "device", "empty"])
def test_what_is_no_file_is_refused_and_never_waited_for(kind: str, tmp_path: Path) -> None:
    for name in PLACES:
        path = tmp_path / name
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "empty":
            path.touch()
        if (name, kind) in (("trials.jsonl", "nothing"), ("trials.jsonl", "empty")):
            continue  # a study that begins
        with pytest.raises((ValueError, OSError), match=path.stem) as refused:
            FORMS[name][1].read(path)
        assert type(refused.value) in (*fuzz_targets.OURS, FileNotFoundError), name


# Worlds


def test_members_are_unpacked_no_further_than_their_size_is_said_to_be() -> None:
    content = bytearray(pack_archive([("a.npy", bytes(1 << 24), 8)]))
    mark = content.rindex(b"PK\x01\x02")
    content[mark + 24 : mark + 28] = (200).to_bytes(4, "little")
    members = Members(bytes(content), 1 << 20)
    with pytest.raises(ValueError, match=r"'a.npy': damaged \(Bad CRC-32"):
        members.read("a.npy")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_end_are_refused(method: int, tmp_path: Path) -> None:
    arrays = [(f"{name}.npy", b"", method) for name in cylinder_arrays()]
    (tmp_path / "w.npz").write_bytes(pack_archive(arrays))
    with pytest.raises(WorldFileError, match=f"packed by method {method}; allowed: stored or def"):
        open_worlds(str(tmp_path / "w.npz"))


def test_an_archive_has_no_more_members_and_bytes_than_are_allowed() -> None:
    many = pack_archive([(str(k), b"", 0) for k in range(4097)])
    with pytest.raises(ValueError, match="4097 members found; allowed: up to 4096"):
        Members(many, 1 << 24)
    with pytest.raises(ValueError, match="bytes found; allowed: up to 1 KiB"):
        Members(many, 1 << 10)
    with pytest.raises(ValueError, match=r"members of 3000 bytes, unpacked, found; allowed: up to"):
        Members(pack_archive([("a", bytes(3000), 8)]), 1 << 10)


@pytest.mark.parametrize(
    "content",
    [
        array_bytes("<f8", (10**9, 2), b""),
        array_bytes("<f8", (-1,), b""),
        array_bytes("|O", (1,), pickle.dumps([1])),
        array_bytes("<U0", (10**18,), b""),
        array_bytes("[('a', '<f8')]", (1,), bytes(8)),
        b"\x93NUMPY\x03\x00",
        b"",
    ],
)
def test_an_array_is_there_with_all_of_its_values_or_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"no array \(.*\); allowed: an array without objects"):
        parse_array(content)


def test_an_array_by_columns_is_read_as_numpy_does() -> None:
    table = np.asfortranarray(np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(parse_array(array_file(table)), table)
    np.testing.assert_array_equal(parse_array(array_file(np.zeros((0, 3)))), np.zeros((0, 3)))


def test_a_name_of_letters_that_there_are_none_of_is_refused(tmp_path: Path) -> None:
    arrays = KINDS["polygons"]() | {"robot": np.array([0x7FFFFFFF], np.uint32)}
    packed = [(name, array_file(array), 0)
              for name, array in arrays.items() if name != "robot"]  # fmt: skip
    packed = [(f"{name}.npy", content, how) for name, content, how in packed]
    word = array_bytes("<U1", (1,), struct.pack("<I", 0x7FFFFFFF))
    (tmp_path / "w.npz").write_bytes(pack_archive([*packed, ("robot.npy", word, 0)]))
    with pytest.raises(WorldFileError, match=r"w\.npz: "):
        open_worlds(str(tmp_path / "w.npz"))


def test_the_maps_of_a_file_share_a_limit_of_edges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {f"{k}{name}": each for k in range(9) for name, each in map_arrays().items()}
    arrays = {name.replace("hall", ""): each for name, each in arrays.items()}
    path = write_npz(tmp_path / "w.npz", arrays)
    assert open_worlds(path).count == 9
    monkeypatch.setattr("neurobot.envs.maps.OBSTACLES", 40)
    with pytest.raises(WorldFileError, match=r"more than 40 edges found; allowed: at most that in"):
        open_worlds(path)


@pytest.mark.parametrize("more", ["a: &a [1]\nb: [*a, *a]\n", "a: &a {x: 1}\nb: {<<: [*a, *a]}\n"])
def test_references_in_yaml_are_refused(more: str, tmp_path: Path) -> None:
    path = Path(write_ros(tmp_path, ros_table()))
    path.write_text(more + path.read_text())
    with pytest.raises(WorldFileError, match=r"\(an alias found; allowed: values as they are\)"):
        open_worlds(str(path))


def test_yaml_makes_no_objects_and_has_a_limit(tmp_path: Path) -> None:
    path = Path(write_ros(tmp_path, ros_table()))
    text = path.read_text()
    path.write_text(text + "more: !!python/object/apply:os.mkdir [made]\n")
    with pytest.raises(WorldFileError, match="could not determine a constructor"):
        open_worlds(str(path))
    path.write_text(text + "#" * (1 << 16))
    with pytest.raises(WorldFileError, match=r"bytes found; allowed: up to 64 KiB"):
        open_worlds(str(path))
    path.write_text(yaml.safe_dump(ros_table() | {"negate": ["x" * 999] * 40}))
    with pytest.raises(WorldFileError, match="negate = ") as refused:
        open_worlds(str(path))
    assert len(str(refused.value)) < 400


def test_a_picture_has_a_name_that_can_be_told(tmp_path: Path) -> None:
    path = Path(write_ros(tmp_path, ros_table()))
    path.write_text(path.read_text().replace("hall.pgm", '"\\ud800"'))
    with pytest.raises(WorldFileError, match=r"image = '\\ud800' found; allowed: a file's name"):
        open_worlds(str(path))
    write_ros(tmp_path, ros_table() | {"image": "x" * 256})
    with pytest.raises(WorldFileError, match=r"image = 'x+\.\.\.x+' found; allowed: a file's name"):
        open_worlds(str(path))


def test_a_map_in_colours_takes_little_more_than_its_picture(tmp_path: Path) -> None:
    import tracemalloc

    path = write_ros(tmp_path, ros_table() | {"image": "hall.png", "resolution": 0.05})
    Image.new("RGBA", (2000, 2000)).save(tmp_path / "hall.png")
    tracemalloc.start()
    open_worlds(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2000 * 2000 * 12


# Networks


def small_network(path: Path) -> Path:
    layers = (SumPool("sums", ("input",)), Scores("scores", ("sums",), [1], [0]))
    network_files.save(Network(input_shape=(2, 2, 1), layers=layers), path)
    return path


def test_a_header_and_what_it_lists_have_limits(tmp_path: Path) -> None:
    path = small_network(tmp_path / "n.npz")
    members = read_members(path)
    header = header_of(members)
    header["network"]["notes"] = {"a": "x" * (1 << 20)}
    write_members(path, sign(header, members))
    with pytest.raises(ValueError, match=r"n.npz: header: \d+ bytes found; allowed: up to 1 MiB"):
        network_files.load(path)
    header = header_of(members)
    header["layers"] *= 501
    write_members(path, sign(header, members))
    with pytest.raises(ValueError, match=r"n.npz: header: layers: 1002 found; allowed: up to 1000"):
        network_files.load(path)
    write_members(path, {f"{k}.npy": b"" for k in range(4097)})
    with pytest.raises(ValueError, match=r"n.npz: 4097 arrays found; allowed: up to 4096"):
        network_files.load(path)
    with path.open("wb") as file:
        file.truncate((1 << 26) + 1)
    with pytest.raises(ValueError, match=r"n.npz: 67108865 bytes found; allowed: up to 64 MiB"):
        network_files.load(path)


def test_codes_of_a_bit_do_not_grow_beyond_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_network(tmp_path / "n.npz")
    monkeypatch.setattr(network_files, "MOST_STORED", 1)
    with pytest.raises(ValueError, match="arrays of 2 values found; allowed: up to 1 together"):
        network_files.load(path)


# Records


def kept_run(folder: Path) -> Path:
    """Keep an episode in a run folder; return its database."""
    record = make_record()
    with Store(folder) as store:
        key = {"controller": "poppins", "env": record.env, "scenario": "forest", "episode": 0,
               "seed": 0, "timing": {}, "options": {}, "version": "0"}  # fmt: skip
        store.add(key, to_result(record), record.trace)
        store.connection.execute("PRAGMA journal_mode=DELETE")
    return folder / FILE_NAME


def spoil(path: Path, *commands: str) -> Path:
    with sqlite3.connect(path) as store:
        store.executescript(";".join(commands))
    store.close()
    return path.parent


def test_a_view_without_end_is_no_table_of_episodes(tmp_path: Path) -> None:
    endless = (
        "CREATE VIEW episodes AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
        "SELECT '{}' AS key, '{}' AS result, NULL AS trace FROM c"
    )
    folder = spoil(kept_run(tmp_path / "run"), "DROP TABLE episodes", endless)
    with pytest.raises(StoreError, match="no table of episodes found"):
        read_run(folder)


def test_rows_that_take_more_than_the_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kept_run(tmp_path / "run").parent
    monkeypatch.setattr("neurobot.store.size_of", lambda connection: 100)
    with pytest.raises(StoreError, match="rows of more bytes than its 100 found"):
        read_run(folder)
    monkeypatch.undo()
    monkeypatch.setattr("neurobot.store.TEXT_BYTES", 10)
    with pytest.raises(StoreError, match=r"a text of \d+ letters found; allowed: up to 10"):
        read_run(folder)


@pytest.mark.parametrize("value", ['{"n": 1}', "[[1]]", '"x"'])
def test_facts_of_another_form_are_refused(value: str, tmp_path: Path) -> None:
    name = "provenance" if value == "[[1]]" else "controllers" if value != '{"n": 1}' else "suite"
    folder = spoil(kept_run(tmp_path / "run"), f"INSERT INTO facts VALUES ('{name}', '{value}')")
    if name == "suite":
        assert read_run(folder).facts == {"suite": {"n": 1}}
        return
    with pytest.raises(StoreError, match=f"a fact '{name}' of another form found"):
        read_run(folder)


RESULTS: dict[str, Any] = {
    "duration_s": "long", "path_m": None, "decisions": -1, "seed": 1 << 70, "reward": 10**400,
    "clearance_m": float("nan"), "outcome": 3, "events": {"chip": "poppins", "cycles": "x"},
    "cell": [1, 2, 3, 4], "fault": [], "progress": True,
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_a_value_of_another_type_is_refused_wherever_records_are_read(
    name: str, tmp_path: Path
) -> None:
    result = to_result(make_record()) | {name: RESULTS[name]}
    with pytest.raises((ValueError, TypeError), match=r"record: \w+ = |"):
        from_result(result)
    path = kept_run(tmp_path / "run")
    with sqlite3.connect(path) as store:
        store.execute("UPDATE episodes SET result = ?", (json.dumps(result),))
    store.close()
    for read in (read_folder, lambda folder: fuzz_targets.study_run(folder)):
        with pytest.raises(StoreError, match="run: records of another form found: "):
            read(path.parent)


def test_a_key_of_another_form_is_refused(tmp_path: Path) -> None:
    path = kept_run(tmp_path / "run")
    changes: list[dict[str, Any]] = [
        {"timing": 3}, {"options": []}, {"version": [1]}, {"seed": "0"}, {"cell": ["a"]},
        {"timing": {"clock_hz": "fast"}},
    ]  # fmt: skip
    with sqlite3.connect(path) as store:
        (text,) = store.execute("SELECT key FROM episodes").fetchone()
        for change in changes:
            key = json.dumps(json.loads(text) | change)
            store.execute("UPDATE episodes SET key = ?", (key,))
            store.commit()
            with pytest.raises(StoreError, match="run: records of another form found: "):
                read_folder(path.parent)
    store.close()
    with pytest.raises(StoreError, match="recorded by neurobot 0; "):
        read_records(path.parent)
    with pytest.raises((ValueError, TypeError, KeyError)):
        job_of({})


def test_a_result_of_another_brain_than_its_key_is_refused(tmp_path: Path) -> None:
    path = kept_run(tmp_path / "run")
    other = """replace(result, '"controller": "poppins"', '"controller": "vfh"')"""
    folder = spoil(path, f"UPDATE episodes SET result = {other}")
    with pytest.raises(StoreError, match=r"run: .* a result of another brain than its key says"):
        read_folder(folder)


def test_a_damaged_trace_is_told_with_its_folder(tmp_path: Path) -> None:
    path = kept_run(tmp_path / "run")
    folder = spoil(path, "UPDATE episodes SET trace = substr(trace, 1, length(trace) - 9)")
    with pytest.raises(StoreError, match="run: records of another form found: trace: cannot be re"):
        read_folder(folder)


def test_a_trace_is_unpacked_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pack([[0, 0], [1, 2]], [0.1] * 5, [[1, 2, 3]])
    assert unpack(whole).path_m.tolist() == [[0, 0], [1, 2]]
    plain = zlib.decompress(whole)
    for packed in (
        zlib.compress(bytes(70_000_000)),
        whole[:-1],
        zlib.compress(plain[:-1]),
        zlib.compress(plain[:4] + (1 << 31).to_bytes(4, "little") + plain[8:]),
        zlib.compress(plain[:8] + (9).to_bytes(4, "little") + plain[12:]),
        "text",
    ):
        with pytest.raises(ValueError, match=r"^trace: "):
            unpack(packed)  # type: ignore[arg-type]
    monkeypatch.setattr("neurobot.trace.MOST_BYTES", 16)
    with pytest.raises(ValueError, match=r"^trace: .* more than 16 bytes; allowed: up to that"):
        unpack(whole)


def test_what_a_fit_has_kept_is_of_its_types() -> None:
    kept = {"candidates": [[1.0]], "tallies": [[1, 1, 1.0, 1.0, 1.0, 5, 0.1]], "step": 0.1,
            "seconds": 1.0}  # fmt: skip
    assert Generation.from_result(kept).worlds == 1
    for name, value in (("tallies", [[0]]), ("tallies", [["x"]]), ("tallies", [[1] * 9]),
                        ("tallies", 3), ("step", "x"), ("more", 1)):  # fmt: skip
        with pytest.raises((ValueError, TypeError)):
            Generation.from_result({**kept, name: value})


@pytest.mark.parametrize(
    "text", [b'"abc"\n', b"\xff\n", b"[" * 100_000 + b"\n", b'{"accuracy": 2, "right": 1}\n']
)
def test_lines_that_are_no_trials_are_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(text)
    with pytest.raises(ValueError, match=r"t\.jsonl: b.* found; allowed: trials"):
        read_lines(path, fuzz_targets.small_study()[0])


@pytest.mark.parametrize("name", ["version", "images", "fingerprint", "network", "right"])
def test_a_trial_without_a_name_is_refused(name: str, tmp_path: Path) -> None:
    study, (line, *_) = fuzz_targets.small_study()
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({key: line[key] for key in line if key != name}) + "\n")
    with pytest.raises(ValueError, match=r"t\.jsonl: b.* found; allowed: trials"):
        read_lines(path, study)


# Images, checkpoints, scores, settings


def test_an_array_of_its_own_is_no_archive_of_images(tmp_path: Path) -> None:
    from neurobot.cli.labelled import read_labelled

    with (tmp_path / "x.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"x\.npz: no images and labels there: no archive"):
        read_labelled(str(tmp_path / "x.npz"))


def test_images_end_where_their_shape_says(tmp_path: Path) -> None:
    from neurobot.quantize.image_files import read_idx

    path = tmp_path / "x.gz"
    path.write_bytes(fuzz_targets.idx((2, 3, 4), bytes(1 << 22)))
    with pytest.raises(ValueError, match=r"x\.gz: more than 24 bytes follow the header"):
        read_idx(path, 3)
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 3]) + bytes(4) + b"\xff" * 8))
    with pytest.raises(ValueError, match=r"x\.gz: cannot be read \(array is too big"):
        read_idx(path, 3)
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 3]) + b"\xff" * 12))
    with pytest.raises(ValueError, match=r"x\.gz: .*bytes found; allowed: up to 512 MiB"):
        read_idx(path, 3)


def test_a_picture_is_as_large_as_allowed_before_it_is_decoded(tmp_path: Path) -> None:
    from neurobot.quantize.image_files import view_image

    path = tmp_path / "x.png"
    Image.new("L", (8000, 8000)).save(path)
    with pytest.raises(ValueError, match=r"x\.png: .*8000 x 8000 pixels, at most 25000000 are all"):
        view_image(path, 8, None)


def test_lessons_are_named_and_of_their_types(tmp_path: Path) -> None:
    from neurobot.imitate.school import read_lessons

    path = tmp_path / "x.npz"
    path.write_bytes(npz(fuzz_targets.lesson_arrays())[:-40])
    with pytest.raises(ValueError, match=r"x\.npz: "):
        read_lessons(path)
    path.write_bytes(npz({"pictures": np.zeros(3), "worth": np.zeros(3)}))
    with pytest.raises(ValueError, match=r"x\.npz: float64 of shape \(3,\) and .*allowed: uint8"):
        read_lessons(path)


def checkpoint(path: Path, **changes: Any) -> Path:
    """Keep a training with other parts."""
    import torch

    path.write_bytes(fuzz_targets.checkpoint_seeds()[0])
    found = torch.load(path, weights_only=True)
    torch.save(found | changes, path)
    return path


@pytest.mark.parametrize(
    "change",
    [{"identity": 3}, {"identity": {1: 2}}, {"model": {"weight": 1}}, {"step": "1"}, {"sums": 0},
     {"rng": None}, {"history": {}}, {"optimizer": []}, {"version": True}],
)  # fmt: skip
def test_parts_of_a_checkpoint_have_their_types(change: Any, tmp_path: Path) -> None:
    from neurobot.quantize.checkpoints import load_checkpoint

    with pytest.raises(ValueError, match=r"x\.pt: (no checkpoint of a training: |version True)"):
        load_checkpoint(checkpoint(tmp_path / "x.pt", **change))


def test_a_checkpoint_packed_otherwise_is_refused(tmp_path: Path) -> None:
    from neurobot.quantize.checkpoints import load_checkpoint

    path = checkpoint(tmp_path / "x.pt")
    for method in (12, 14):
        path.write_bytes(pack_archive([("x/data.pkl", b"\x80", method)]))
        with pytest.raises(ValueError, match=r"x\.pt: no checkpoint .*packed by method"):
            load_checkpoint(path)


def test_a_version_that_grows_as_it_is_told_is_told_in_brief(tmp_path: Path) -> None:
    """Let 30 lists hold each other twice: 2^30 letters if all of it were written."""
    from neurobot.quantize.checkpoints import load_checkpoint

    grown: Any = ["x"]
    for _ in range(30):
        grown = [grown, grown]
    with pytest.raises(ValueError, match=r"x\.pt: version .* found, 1 is read here"):
        load_checkpoint(checkpoint(tmp_path / "x.pt", version=grown))
    for identity in ({"options": grown}, {"options": [["x"] * 5000] * 5000}):
        with pytest.raises(ValueError, match=r"x\.pt: no checkpoint .*identity = "):
            load_checkpoint(checkpoint(tmp_path / "x.pt", identity=identity))


@pytest.mark.parametrize("score", ["1e400", "true", "[]", "1" + "0" * 400])
def test_scores_are_finite_numbers(score: str, tmp_path: Path) -> None:
    from neurobot.compile.candidates import read_scores

    path = tmp_path / "x.json"
    path.write_text(f'{{"a": {score}}}')
    with pytest.raises(ValueError, match=r"x\.json: no scores of a search found there: "):
        read_scores(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("robot", [1]),
        ("sensor", {}),
        ("noise", 10**400),
        ("beams", 10**400),
        ("action", None),
        ("dead_beams", 3),
        ("dead_beams", "1"),
        ("beams", True),
        ("camera_rows", False),
    ],
)
def test_settings_of_any_type_are_refused_in_a_sentence(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name}[:=]") as refused:
        make_settings({name: value})
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("mind", ["cnn-lsq-4b", "tdnn-insight"])
def test_options_are_told_in_a_line(mind: str) -> None:
    from neurobot.controllers import make_controller

    with pytest.raises(ValueError, match=r"clock_hz='?a.*'? found, a number") as refused:
        make_controller(f"{mind}?clock_hz=%22a%5Cnb%5Cud800%22")
    assert str(refused.value).isprintable()


def test_json_of_any_depth_and_bytes_is_read_or_refused() -> None:
    assert parse_json(b'{"a": [1]}') == {"a": [1]}
    for content in (b"[" * 100_000, b"\xff", b"{", b"9" * 5000):
        with pytest.raises(ValueError, match=r"allowed: JSON$"):
            parse_json(content)


# No code


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


RUNS_CODE = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
# Where processes of ours talk to each other by pipes, and where only an error's name is taken.
MAY_PICKLE = {"neurobot/engine", "neurobot/quantize/checkpoints.py"}
NEEDED = {
    "np.load": ("allow_pickle", "False"),
    "numpy.load": ("allow_pickle", "False"),
    "torch.load": ("weights_only", "True"),
}
NEVER = {"eval", "exec", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "os.system",
         "PPO.load", "pd.read_pickle", "np.lib.format.read_array"}  # fmt: skip


def sources() -> list[str]:
    folders = ("neurobot", "envs", "controllers")
    return sorted(
        str(path.relative_to(ROOT)) for name in folders for path in (ROOT / name).rglob("*.py")
    )


def test_no_reader_runs_code() -> None:
    wrong = []
    for name in sources():
        tree = ast.parse((ROOT / name).read_text())
        if any(module.partition(".")[0] in RUNS_CODE for module in imported(tree)):
            wrong += [name] if not any(name.startswith(place) for place in MAY_PICKLE) else []
        for called, node in calls(tree):
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            key, value = NEEDED.get(called, (None, None))
            if called in NEVER or (key and given.get(key) != value):
                wrong.append(f"{name}:{node.lineno}: {called}")
            if called == "yaml.load" and "PlainLoader" not in ast.unparse(node):
                wrong.append(f"{name}:{node.lineno}: {called}")
    assert sources()
    assert not wrong


def test_a_learner_that_holds_code_is_refused_and_the_code_does_not_run(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")
    from neurobot.reinforce.training import learn

    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "trapped"),)

    path = tmp_path / "range.zip"
    path.write_bytes(pack_archive([("data", pickle.dumps(Trap()), 0)]))
    with pytest.raises(ValueError, match=r"range\.zip: no checkpoint of a training"):
        learn("range", 512, 3, path, rows={"forest": 1})
    assert not (tmp_path / "trapped").exists()

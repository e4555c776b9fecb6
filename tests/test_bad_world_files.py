import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from world_files import (
    JACKAL,
    KINDS,
    META,
    SQUARE,
    Arrays,
    cylinder_arrays,
    map_arrays,
    ros_table,
    write_npz,
    write_ros,
)

from neurobot.envs.archive import WorldFileError
from neurobot.envs.maps import open_worlds

BAD_ROS: dict[str, tuple[Any, str]] = {
    "text": ("hello", r"hall\.yaml: str found; allowed: a mapping with image, "),
    "list": ([1, 2], r"hall\.yaml: list found"),
    "no image file": ({"image": "none.pgm"}, r"none\.pgm: it is not there"),
    "image is a folder": ({"image": "."}, "it is a folder"),
    "image is no name": ({"image": 3}, "image = 3 found"),
    "image is no image": (
        {"image": "hall.yaml"},
        "cannot be read .*; allowed: a PGM, PNG or BMP image",
    ),
    "no resolution": ({"resolution": 0}, "resolution = 0.0 m found; allowed: above 0"),
    "negative resolution": ({"resolution": -0.1}, "resolution"),
    "infinite resolution": ({"resolution": float("inf")}, "resolution"),
    "resolution is nan": ({"resolution": float("nan")}, "resolution"),
    "resolution is a list": ({"resolution": [1]}, "allowed: a number"),
    "resolution is true": ({"resolution": True}, "allowed: a number"),
    "resolution is text": ({"resolution": "fine"}, "allowed: a number"),
    "resolution is endless": ({"resolution": 10**400}, "allowed: a number"),
    "coarse resolution": ({"resolution": 100.0}, "at most 500 m wide"),
    "origin is short": ({"origin": [0, 0]}, r"allowed: \[x, y, yaw\]"),
    "origin is one number": ({"origin": 0}, r"allowed: \[x, y, yaw\]"),
    "origin is nan": ({"origin": [0, float("nan"), 0]}, "origin"),
    "origin is far": ({"origin": [1e9, 0, 0]}, "not within 1e"),
    "origin is turned": ({"origin": [0, 0, 0.5]}, "yaw of 0.5 rad; allowed: 0"),
    "threshold above 1": ({"occupied_thresh": 65}, "occupied_thresh <= 1"),
    "threshold below 0": ({"free_thresh": -0.1}, "0 <= free_thresh"),
    "threshold is nan": ({"free_thresh": float("nan")}, "0 <= free_thresh"),
    "thresholds crossed": ({"free_thresh": 0.7}, "free_thresh <= occupied_thresh"),
    "negate is text": ({"negate": "maybe"}, "allowed: 0 or 1"),
    "negate is 2": ({"negate": 2}, "allowed: 0 or 1"),
    "mode": ({"mode": "scale"}, "mode = 'scale' found; allowed: trinary"),
} | {f"{key} is null": ({key: None}, f"{key}.* = .*None.* found") for key in ros_table()}


@pytest.mark.parametrize("case", BAD_ROS)
def test_a_malformed_ros_map_is_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    change, sentence = BAD_ROS[case]
    path = write_ros(tmp_path, ros_table() | change if isinstance(change, dict) else change)
    with pytest.raises(WorldFileError, match=sentence) as refused:
        open_worlds(path)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", ros_table())
def test_a_ros_map_without_a_key_is_refused(key: str, tmp_path: Path) -> None:
    table = {name: value for name, value in ros_table().items() if name != key}
    with pytest.raises(WorldFileError, match=f"key '{key}' is missing; needed: image, "):
        open_worlds(write_ros(tmp_path, table))


@pytest.mark.parametrize(
    "content", [b"", b"a: [", b"\xff\xfe\x00", b"a: 2001-99-99", b"[" * 600, b"#" * 2_000_000]
)
def test_a_broken_yaml_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "map.yml"
    path.write_bytes(content)
    with pytest.raises(WorldFileError, match=r"map\.yml: "):
        open_worlds(str(path))


def test_a_ros_map_has_no_positions(tmp_path: Path) -> None:
    with pytest.raises(WorldFileError, match="a ROS map is one world"):
        open_worlds(write_ros(tmp_path, ros_table()) + "#0")


@pytest.mark.parametrize("kept", [0, 1, 10, 100, 4000])
@pytest.mark.parametrize("name", ["hall.pgm", "hall.png", "hall.bmp"])
def test_a_truncated_image_is_refused(name: str, kept: int, tmp_path: Path) -> None:
    path = write_ros(tmp_path, ros_table() | {"image": name})
    noise = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:kept])
    with pytest.raises(WorldFileError, match=name):
        open_worlds(path)


def test_an_image_that_claims_too_many_pixels_is_refused_unread(tmp_path: Path) -> None:
    path = write_ros(tmp_path, ros_table())
    for side in (8100, 12000, 1_000_000):
        (tmp_path / "hall.pgm").write_bytes(f"P5 {side} {side} 255\n".encode())
        with pytest.raises(WorldFileError, match=r"hall\.pgm: cannot be read.*pixels"):
            open_worlds(path)


def changed(kind: str, **change: Any) -> Arrays:
    return KINDS[kind]() | change


NAN_XY = np.array([[1, 2], [np.nan, 2], [2, 5]])
PENTAGRAM = [(np.sin(turn), np.cos(turn)) for turn in 4 * np.pi / 5 * np.arange(5)]
CHECKERS = (np.indices((1100, 1100)).sum(axis=0) % 2).astype(np.uint8) * 255


def polygon(*corners: Any) -> Arrays:
    xy = np.array(SQUARE + [list(corner) for corner in corners])
    return changed("polygons", poly_xy=xy, poly_offsets=np.array([0, 4, len(xy)]))


BAD_ARRAYS: dict[str, tuple[Arrays, str]] = {
    "nothing": ({}, r"no world in the arrays \(none\); allowed: cyl_xy, .*poly_xy, .*NAME__meta"),
    "other arrays": ({"weights": np.zeros(3)}, "no world in the arrays weights; allowed: cyl_xy"),
    "columns": (changed("cylinders", cyl_xy=np.zeros((3, 3))), r"'cyl_xy' is float64 of shape \(3"),
    "flat": (changed("cylinders", cyl_xy=np.zeros(6)), r"allowed: numbers of shape \(n, 2\)"),
    "text": (changed("cylinders", cyl_xy=np.array([["a", "b"]])), "'cyl_xy' is <U1"),
    "bool": (changed("cylinders", cyl_xy=np.zeros((3, 2), bool)), "'cyl_xy' is bool"),
    "complex": (changed("cylinders", cyl_xy=np.zeros((3, 2), complex)), "'cyl_xy' is complex128"),
    "objects": (changed("cylinders", cyl_xy=np.array([[1, None]], object)), "cannot be read"),
    "nan": (changed("cylinders", cyl_xy=NAN_XY), "'cyl_xy' holds a number that is not within 1e"),
    "inf": (changed("cylinders", goal_xy=np.array([0, np.inf])), "'goal_xy' holds a number"),
    "far": (changed("cylinders", goal_xy=np.array([0, 1e30])), "'goal_xy' holds a number"),
    "wide": (changed("cylinders", goal_xy=np.array([0, 501.0])), "at most 500 m"),
    "pose": (changed("cylinders", start_pose=np.zeros(2)), r"'start_pose' is .* shape \(3,\)"),
    "decreasing": (changed("cylinders", cyl_offsets=np.array([0, 2, 1, 3])), "never decreasing"),
    "short": (changed("cylinders", cyl_offsets=np.array([0, 2])), "0 to 2; allowed: from 0 to 3"),
    "long": (changed("cylinders", cyl_offsets=np.array([0, 2, 4])), "allowed: from 0 to 3"),
    "late": (changed("cylinders", cyl_offsets=np.array([1, 3])), "allowed: from 0 to 3"),
    "negative": (changed("cylinders", cyl_offsets=np.array([0, -1, 3])), "never decreasing"),
    "fractions": (changed("cylinders", cyl_offsets=np.array([0.0, 3.0])), "whole numbers"),
    "no offsets": (changed("cylinders", cyl_offsets=np.zeros(0, int)), "whole numbers of shape"),
    "no worlds": (
        changed("cylinders", cyl_offsets=np.array([0]), cyl_xy=np.zeros((0, 2))),
        "there is no world",
    ),
    "radius 0": (changed("cylinders", cyl_radius=np.array(0.0)), "cyl_radius = 0 found; allowed"),
    "radius < 0": (changed("cylinders", cyl_radius=np.array([-1])), "cyl_radius = -1 found"),
    "radius nan": (changed("cylinders", cyl_radius=np.array([np.nan])), "cyl_radius = nan found"),
    "radii": (changed("cylinders", cyl_radius=np.ones(2)), "'cyl_radius' is .*allowed: one number"),
    "tolerance 0": (changed("cylinders", goal_tolerance=np.array([0.0])), "goal_tolerance = 0"),
    "too many": (
        changed("cylinders", cyl_xy=np.zeros((1_000_001, 2), np.int8)),
        "1000001 rows; al",
    ),
    "too large": (changed("map", hall=np.zeros((10001, 10000), np.uint8)), "at most 100000000"),
    "no pairs": (
        changed("polygons", start=np.zeros((0, 3)), goal=np.zeros((0, 2))),
        "at least one",
    ),
    "odd pairs": (changed("polygons", goal=np.zeros((1, 2))), "2 rows in 'start' and 1 in 'goal'"),
    "no limit": (changed("polygons", time_limit=np.array(0.0)), "time_limit = 0 found"),
    "inf limit": (changed("polygons", time_limit=np.array(np.inf)), "time_limit = inf found"),
    "tolerance": (changed("polygons", goal_tolerance=np.array(-1.0)), "goal_tolerance = -1"),
    "robot": (changed("polygons", robot=np.array("bee")), "robot: unknown 'bee'; known: jackal"),
    "robots": (changed("polygons", robot=np.array(["fly", "fly"])), "'robot' is <U3"),
    "robot 3": (changed("polygons", robot=np.array(3)), "'robot' is int64"),
    "two corners": (polygon((0, 0), (1, 1)), "polygon 1 has fewer than 3 different corners"),
    "repeated": (polygon((0, 0), (1, 1), (1, 1), (0, 0)), "polygon 1 has fewer than 3"),
    "no corners": (polygon(), "polygon 1 has fewer than 3"),
    "flat polygon": (polygon((0, 0), (1, 1), (2, 2)), "polygon 1 has an area below"),
    "bow": (polygon((0, 0), (1, 1), (1, 0), (0, 1)), "polygon 1 has an area below"),
    "arrow": (polygon((0, 0), (2, 0), (0.5, 0.5), (0, 2)), "polygon 1 is not convex"),
    "arrow back": (polygon((0, 2), (0.5, 0.5), (2, 0), (0, 0)), "polygon 1 is not convex"),
    "spike": (polygon((0, 0), (2, 0), (1, 0), (1, 1), (0, 1)), "polygon 1 is not convex"),
    "pentagram": (polygon(*PENTAGRAM), "polygon 1 is not convex"),
    "map is float": (changed("map", hall=np.zeros((9, 9))), "allowed: uint8 of shape"),
    "map is flat": (changed("map", hall=np.zeros(9, np.uint8)), "allowed: uint8 of shape"),
    "map is empty": (changed("map", hall=np.zeros((0, 9), np.uint8)), "9 x 0 pixels"),
    "meta short": (changed("map", hall__meta=np.zeros(4)), r"allowed: numbers of shape \(5,\)"),
    "meta nan": (changed("map", hall__meta=np.full(5, np.nan)), "'hall__meta' holds a number"),
    "meta alone": ({"hall__meta": np.array(META)}, "array 'hall' is missing"),
    "resolution": (changed("map", hall__meta=np.array([0, *META[1:]])), "resolution = 0.0 m found"),
    "threshold": (changed("map", hall__meta=np.array([*META[:3], 1.5, 0.2])), "occupied_thresh"),
    "too fine": (changed("map", hall=CHECKERS), "at most 500000 are allowed"),
}
for _kind, _build in KINDS.items():
    for _name in _build():
        if _name not in ("goal_tolerance", "time_limit", "robot") or _kind == "cylinders":
            BAD_ARRAYS[f"{_kind} without {_name}"] = (
                {name: array for name, array in _build().items() if name != _name},
                "no world in the arrays" if _name == "hall__meta" else f"'{_name}' is missing",
            )


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_malformed_arrays_are_refused_in_a_sentence(case: str, tmp_path: Path) -> None:
    arrays, sentence = BAD_ARRAYS[case]
    with pytest.raises(WorldFileError, match=rf"w\.npz(#hall)?: .*{sentence}") as refused:
        open_worlds(write_npz(tmp_path / "w.npz", arrays))
    assert "\n" not in str(refused.value)


def test_an_unknown_map_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "w.npz", map_arrays())
    for name in ("cellar", "", "0", "hall__meta"):
        with pytest.raises(WorldFileError, match=f"unknown map '{name}'; known: hall$"):
            open_worlds(f"{path}#{name}")


def test_what_is_no_file_of_arrays_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "single", np.zeros(3))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as other:
        other.writestr("readme.txt", "hello")
    with zipfile.ZipFile(tmp_path / "junk.npz", "w") as junk:
        junk.writestr("cyl_xy.npy", "hello")
        for name in list(cylinder_arrays())[1:]:
            junk.writestr(f"{name}.npy", b"")
    sentences = {
        "none": "it is not there",
        "folder": "it is a folder",
        "empty": r"it is empty \(0 bytes\)",
        "text": r"cannot be read .*allowed: an \.npz archive",
        "single": r"cannot be read .*allowed: an \.npz archive",
        "other": r"no world in the arrays \(none\)",
        "junk": r"cannot be read .*allowed: an \.npz archive",
        "n" * 300: "cannot be read .*allowed: a file",
        "\0": "it is not there|cannot be read",
    }
    for name, sentence in sentences.items():
        with pytest.raises(WorldFileError, match=sentence):
            open_worlds(f"{tmp_path}/{name}.npz")


def test_an_array_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    header = str({"descr": "<f8", "fortran_order": False, "shape": (10**13, 2)}).encode()
    with zipfile.ZipFile(path, "w") as members:
        for name in cylinder_arrays():
            start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1)
            members.writestr(f"{name}.npy", start + header + b"\n")
    with pytest.raises(WorldFileError, match=r"cannot be read .*allowed: an \.npz"):
        open_worlds(str(path))


def try_damaged(content: bytes, path: Path) -> None:
    """Open what may or may not be a file of worlds; nothing but a ValueError may come out."""
    path.write_bytes(content)
    try:
        worlds = open_worlds(str(path))
        worlds.draw(np.random.default_rng(0), 0.5, JACKAL, None)
    except ValueError as refused:
        assert path.name in str(refused)  # noqa: PT017


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of one small file of each kind, plain and compressed."""
    folder, contents = tmp_path_factory.mktemp("packed"), {}
    for kind, build in KINDS.items():
        for save in (np.savez, np.savez_compressed):
            arrays = build()
            save(folder / "w.npz", **arrays)
            contents[f"{kind} {save.__name__}"] = (folder / "w.npz").read_bytes()
    return contents


damaged = settings(deadline=None, database=None, derandomize=True, max_examples=200)
CONTENTS = [f"{kind} {save}" for kind in KINDS for save in ("savez", "savez_compressed")]


@damaged
@given(st.sampled_from(CONTENTS), st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(
    packed: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    share: float,
) -> None:
    content = packed[name]
    path = tmp_path_factory.getbasetemp() / "truncated.npz"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(WorldFileError, match="truncated"):
        open_worlds(str(path))


@damaged
@given(st.sampled_from(CONTENTS), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_does_not_matter(
    packed: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    share: float,
    flip: int,
) -> None:
    content = bytearray(packed[name])
    content[int(share * len(content))] ^= flip
    try_damaged(bytes(content), tmp_path_factory.getbasetemp() / "flipped.npz")

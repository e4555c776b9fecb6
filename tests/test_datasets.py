from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

torch = pytest.importorskip("torch", reason="data sets become tensors of PyTorch, extra 'train'")

from neurobot.quantize import datasets  # noqa: E402
from neurobot.quantize.augmentation import (  # noqa: E402
    AREA,
    BORDER,
    SHIFT,
    crop_and_flip,
    middle_view,
    random_box,
    random_view,
    shift,
)
from neurobot.quantize.datasets import (  # noqa: E402
    DATASETS,
    DIGITS,
    ArraySplit,
    Dataset,
    FileSplit,
    augmented,
    cifar10,
    data_folder,
    in_order,
    load_dataset,
    split_numbers,
    to_input,
)
from neurobot.quantize.image_files import read_idx, read_idx_pair, read_jpegs  # noqa: E402

Images = NDArray[np.uint8]


def real(name: str) -> Path:
    """Folder of a real image set; a test that asks for it is skipped where it is absent."""
    try:
        folder = data_folder() / name
    except ValueError as absent:
        pytest.skip(str(absent))
    if not folder.is_dir():
        pytest.skip(f"no {name} in {folder.parent}")
    return folder


def noise(*shape: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def idx(array: Images, kind: int = 8) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes())


def write_pair(folder: Path, prefix: str, images: Images, labels: Images) -> None:
    (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(images))
    (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(labels))


def jpeg(image: Images) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    return file.getvalue()


def write_jpegs(path: Path, images: Images, **changed: Any) -> Path:
    files = [jpeg(image) for image in images]
    arrays: dict[str, Any] = {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "labels": np.arange(len(images), dtype=np.uint8),
    }
    np.savez(path, **(arrays | changed))
    return path


def test_the_data_folder_is_the_argument_else_the_variable_else_beside_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for folder in (one, two, three):
        folder.mkdir()
    monkeypatch.setattr(datasets, "BESIDE", one)
    monkeypatch.delenv("NEUROBOT_DATA", raising=False)
    assert data_folder() == one
    monkeypatch.setenv("NEUROBOT_DATA", str(two))
    assert data_folder() == two
    assert data_folder(three) == three
    monkeypatch.setenv("NEUROBOT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"looked for .*nowhere; name .* argument .*NEUROBOT_DATA"):
        data_folder()


def test_an_unknown_set_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'svhn' is not known; known: mnist, fashion_mnist, cifar"):
        load_dataset("svhn", tmp_path)


def test_idx_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    images, labels = noise(5, 4, 3), np.array([0, 1, 2, 2, 1], np.uint8)
    write_pair(tmp_path, "train", images, labels)
    found, numbers = read_idx_pair(tmp_path, "train", 3)
    np.testing.assert_array_equal(found, images.reshape(5, 4, 3, 1))
    np.testing.assert_array_equal(numbers, labels)
    assert numbers.dtype == np.int64


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (idx(noise(2, 3, 3))[:-9], "x.gz: cannot be read .*; allowed: a gzipped IDX file"),
        (b"", "x.gz: the header begins with ; allowed: 00000803"),
        (b"no archive at all", "x.gz: cannot be read"),
        (idx(noise(2, 3)), "x.gz: the header begins with 00000802; allowed: 00000803"),
        (idx(noise(2, 3, 3), 13), "x.gz: the header begins with 00000d03; allowed: 00000803"),
        (gzip.compress(b"\0\0\x08"), "x.gz: the header begins with 000008; allowed"),
        (
            gzip.compress(gzip.decompress(idx(noise(2, 3, 3)))[:-1]),
            r"x.gz: 17 bytes follow the header; allowed: 18, as its shape \(2, 3, 3\) says",
        ),
    ],
    ids=["cut", "empty", "text", "dimensions", "floats", "no header", "one byte less"],
)
def test_damaged_idx_files_are_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        read_idx(path, 3)
    path.unlink()
    with pytest.raises(ValueError, match=r"x.gz: cannot be read .*No such file"):
        read_idx(path, 3)


def test_labels_are_one_per_image_and_name_a_class(tmp_path: Path) -> None:
    write_pair(tmp_path, "train", noise(2, 3, 3), np.array([0, 3], np.uint8))
    with pytest.raises(ValueError, match=r"train-labels.*: label 3 found; allowed: 0 to 2"):
        read_idx_pair(tmp_path, "train", 3)
    write_pair(tmp_path, "train", noise(2, 3, 3), np.array([0, 1, 2], np.uint8))
    with pytest.raises(ValueError, match=r"train-labels.*shape \(3,\); allowed: uint8 \(2,\)"):
        read_idx_pair(tmp_path, "train", 3)


@pytest.mark.parametrize(
    ("name", "first"), [("mnist", [5, 0, 4, 1, 9]), ("fashion_mnist", [9, 0, 0, 3, 0])]
)
def test_the_real_digits_and_clothes(name: str, first: list[int]) -> None:
    folder = real(name)
    images, labels = read_idx_pair(folder, "train", 10)
    assert (images.shape, list(labels[:5])) == ((60_000, 28, 28, 1), first)
    found = load_dataset(name, folder.parent)
    shapes = [split.take(np.arange(len(split.labels))).shape for split in parts(found)]
    assert shapes == [(55_000, 28, 28, 1), (5_000, 28, 28, 1), (10_000, 28, 28, 1)]
    train, validation = split_numbers(60_000)
    np.testing.assert_array_equal(found.validation.labels, labels[validation])
    np.testing.assert_array_equal(found.train.take(np.arange(3)), images[train[:3]])
    assert all(np.bincount(split.labels, minlength=10).min() > 0 for split in parts(found))
    assert found.title in ("MNIST", "Fashion-MNIST")


def parts(dataset: Dataset) -> tuple[Any, Any, Any]:
    return dataset.train, dataset.validation, dataset.test


def test_the_split_is_fixed_and_uses_every_image_once() -> None:
    train, validation = split_numbers(60_000)
    assert len(validation) == 5_000
    assert sorted([*train, *validation]) == list(range(60_000))
    np.testing.assert_array_equal(split_numbers(60_000)[1], validation)
    assert validation.min() < 100 < 59_900 < validation.max(), "the last images are no sample"


def test_too_few_training_images_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    for prefix in ("train", "t10k"):
        write_pair(folder, prefix, noise(7, 2, 2), np.zeros(7, np.uint8))
    with pytest.raises(ValueError, match="MNIST: 7 training images found; allowed: more than 5000"):
        load_dataset("mnist", tmp_path)


def test_jpegs_are_decoded_once_and_then_read_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.repeat(np.repeat(noise(3, 4, 4, 3), 4, axis=1), 4, axis=2)
    path = write_jpegs(tmp_path / "set.npz", images)
    expected = np.stack([np.asarray(Image.open(io.BytesIO(jpeg(image)))) for image in images])
    cache = tmp_path / "cache"
    for folder in (None, cache):
        found, labels = read_jpegs(path, 16, 3, folder)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(labels, [0, 1, 2])
    (kept,) = cache.iterdir()
    monkeypatch.setattr("neurobot.quantize.image_files.decode", None)
    np.testing.assert_array_equal(read_jpegs(path, 16, 3, cache)[0], expected)
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(
        ValueError, match=f"{kept.name}: cannot be read .*; remove the file to make"
    ):
        read_jpegs(path, 16, 3, cache)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"offsets": np.array([0, 5])}, "set.npz: `offsets` do not cut `jpeg` into files"),
        ({"labels": np.array([0, 9], np.uint8)}, "set.npz: label 9 found; allowed: 0 to 2"),
        ({"labels": np.array([0], np.uint8)}, "set.npz: labels are uint8 of shape"),
        ({"labels": np.array([None, None])}, "set.npz: cannot be read"),
    ],
)
def test_damaged_jpeg_archives_are_named(
    tmp_path: Path, changed: dict[str, Any], sentence: str
) -> None:
    path = write_jpegs(tmp_path / "set.npz", noise(2, 16, 16, 3), **changed)
    with pytest.raises(ValueError, match=sentence):
        read_jpegs(path, 16, 3)


def test_images_of_another_size_and_half_archives_are_named(tmp_path: Path) -> None:
    path = write_jpegs(tmp_path / "set.npz", noise(2, 8, 8, 3))
    with pytest.raises(
        ValueError, match=r"set.npz: cannot be read .*16 x 16 pixels \(at image 0\)"
    ):
        read_jpegs(path, 16, 3)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"set.npz: cannot be read"):
        read_jpegs(path, 8, 3)


def test_cifars_test_images_are_shuffled_and_never_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As in the file: training labels mixed, test labels sorted. The pixel tells which image it is.
    number = np.arange(60_000)
    images = np.stack([number // 256 % 256, number % 256, number // 65_536], 1).astype(np.uint8)
    labels = np.where(number < 50_000, number % 10, (number - 50_000) // 1_000)
    pair = images.reshape(-1, 1, 1, 3), labels
    monkeypatch.setattr(datasets, "read_jpegs", lambda path, side, classes, cache: pair)
    found = cifar10(Path("data"), None)
    assert found.title == "CIFAR-10, JPEG-75 copy"
    seen = []
    for split in parts(found):
        pixels = split.take(np.arange(len(split.labels))).reshape(-1, 3).astype(int)
        places = pixels[:, 0] * 256 + pixels[:, 1]
        np.testing.assert_array_equal(split.labels, labels[places])
        seen.append(places)
    assert [len(places) for places in seen] == [45_000, 5_000, 10_000]
    assert sorted(np.concatenate(seen[:2])) == list(range(50_000))
    assert sorted(seen[2]) == list(range(50_000, 60_000))
    assert np.bincount(found.test.labels[:1_000], minlength=10).min() > 50, (
        "a prefix must hold all classes"
    )
    pair = images[:40].reshape(-1, 1, 1, 3), labels[:40]
    with pytest.raises(
        ValueError, match=r"cifar10_jpeg75_bytes.npz: 40 images found; allowed: 600"
    ):
        cifar10(Path("data"), None)


def beginning(path: Path, name: str, count: int) -> Images:
    """Read the first bytes of an array of an archive, without unpacking the rest."""
    npy_format: Any = np.lib.format
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
        npy_format.read_magic(member)
        npy_format.read_array_header_1_0(member)
        return np.frombuffer(member.read(count), np.uint8)


def test_the_real_cifar_jpegs_resemble_the_originals(tmp_path: Path) -> None:
    folder = real("cifar10")
    path = folder / "cifar10_jpeg75_bytes.npz"
    with np.load(path) as archive:
        offsets, labels = archive["offsets"][:201], archive["labels"][:200]
    files = beginning(path, "jpeg", int(offsets[-1]))
    np.savez(tmp_path / "few.npz", jpeg=files, offsets=offsets, labels=labels)
    images, _ = read_jpegs(tmp_path / "few.npz", 32, 10)
    path = folder / "cifar10_train_first4000_original.npz"
    with np.load(path) as archive:
        np.testing.assert_array_equal(labels, archive["labels"][:200])
    originals = beginning(path, "images", images.size).reshape(images.shape).astype(float)
    errors = np.sqrt(((images - originals) ** 2).mean((1, 2, 3)))
    assert errors.max() < 18, "the worst of 4,000 is 17.9 grey levels, says their description"


def test_a_crop_is_a_window_of_the_image_in_a_black_frame() -> None:
    images = noise(200, 6, 5, 2)
    found = crop_and_flip(images, np.random.default_rng(3))
    assert found.shape == images.shape
    places = set()
    for image, crop in zip(images, found, strict=True):
        frame = np.zeros((6 + 2 * BORDER, 5 + 2 * BORDER, 2), np.uint8)
        frame[BORDER:-BORDER, BORDER:-BORDER] = image
        windows = {
            (top, left, step): frame[top : top + 6, left : left + 5][:, ::step]
            for top in range(2 * BORDER + 1)
            for left in range(2 * BORDER + 1)
            for step in (1, -1)
        }
        here = {key for key, window in windows.items() if np.array_equal(window, crop)}
        assert here, "no window"
        places |= here
    assert {step for _, _, step in places} == {1, -1}
    assert {top for top, _, _ in places} == {left for _, left, _ in places} == set(range(9))
    np.testing.assert_array_equal(found, crop_and_flip(images, np.random.default_rng(3)))
    assert not np.array_equal(found, crop_and_flip(images, np.random.default_rng(4)))


def test_a_shift_moves_and_never_mirrors() -> None:
    images = noise(400, 6, 5, 1)
    found = shift(images, np.random.default_rng(3))
    places = set()
    for image, moved in zip(images, found, strict=True):
        frame = np.zeros((6 + 2 * SHIFT, 5 + 2 * SHIFT, 1), np.uint8)
        frame[SHIFT:-SHIFT, SHIFT:-SHIFT] = image
        here = {
            (top, left)
            for top, left in np.ndindex(2 * SHIFT + 1, 2 * SHIFT + 1)
            if np.array_equal(frame[top : top + 6, left : left + 5], moved)
        }
        assert here, "no window"
        places |= here
    assert places == set(np.ndindex(2 * SHIFT + 1, 2 * SHIFT + 1))


def test_another_augmentation_is_for_training_images_alone() -> None:
    split = ArraySplit(noise(8, 6, 6, 1), np.arange(8))
    own = Dataset("own", DIGITS, split, split, split)
    found = augmented(own, "shift")
    assert found.train == ArraySplit(split.images, split.labels, shift)
    assert found.validation is found.test is split
    known = "known: none, shift, crop_and_flip"
    with pytest.raises(ValueError, match=f"augmentation 'twist' is not known; {known}"):
        augmented(own, "twist")
    files = Dataset("files", DIGITS, FileSplit((), split.labels, 4), split, split)
    with pytest.raises(ValueError, match="files: augmentation 'shift' found; these images have"):
        augmented(files, "shift")


def test_only_a_generator_augments() -> None:
    split = ArraySplit(noise(8, 6, 6, 1), np.arange(8), crop_and_flip)
    chosen = np.array([3, 1])
    np.testing.assert_array_equal(split.take(chosen), split.images[chosen])
    moved = split.take(chosen, np.random.default_rng(0))
    assert moved.shape == (2, 6, 6, 1)
    assert not np.array_equal(moved, split.images[chosen])


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32))
def test_a_random_part_lies_in_the_image(width: int, height: int, seed: int) -> None:
    left, upper, right, lower = random_box(width, height, np.random.default_rng(seed))
    assert 0 <= left < right <= width
    assert 0 <= upper < lower <= height
    if min(width, height) > 50:
        share = (right - left) * (lower - upper) / (width * height)
        assert AREA[0] * 0.9 < share <= 1
        extreme = max(width / height, height / width) > 4 / 3
        assert extreme or 0.72 < (right - left) / (lower - upper) < 1.39


def test_views_of_an_image() -> None:
    array = noise(256, 256, 3)
    image = Image.fromarray(array)
    # 256 is 8/7 of 224: nothing is scaled.
    np.testing.assert_array_equal(middle_view(image, 224), array[16:240, 16:240])
    assert middle_view(Image.fromarray(noise(30, 70, 3)), 56).shape == (56, 56, 3)
    views = [random_view(image, 32, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(views[0], views[1])
    assert not np.array_equal(views[0], views[2])


def test_random_views_are_mirrored_half_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8)[None, :, None], (64, 1, 3))
    views = [random_view(Image.fromarray(ramp), 8, np.random.default_rng(k)) for k in range(60)]
    mirrored = sum(int(view[0, 0, 0] > view[0, -1, 0]) for view in views)
    assert 15 < mirrored < 45


def make_folder(tmp_path: Path) -> Path:
    for part, count in (("train", 11), ("val", 2)):
        for k, name in enumerate(("cat", "dog")):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                grey = np.full((40, 50, 3), 100 * k + i, np.uint8)
                Image.fromarray(grey).save(folder / f"{i:02}.png")
            (folder / "notes.txt").write_text("no image")
    return tmp_path


def test_a_folder_of_images(tmp_path: Path) -> None:
    found = datasets.image_folder(make_folder(tmp_path), None, side=32)
    assert found.classes == ("cat", "dog")
    assert [len(split.labels) for split in parts(found)] == [20, 2, 4]
    greys = []
    for split in parts(found):
        for generator in (None, np.random.default_rng(0)):
            images = split.take(np.arange(len(split.labels)), generator)
            assert images.shape == (len(split.labels), 32, 32, 3)
            np.testing.assert_array_equal(images[:, 0, 0, 0] >= 100, split.labels == 1)
        greys.append(set(images[:, 16, 16, 0].tolist()))
    assert not greys[0] & greys[1], "validation images are none of the training's"
    assert load_dataset("image_folder", tmp_path).test.take(np.array([0])).shape == (1, 224, 224, 3)


def test_of_few_images_one_is_held_out_and_one_alone_is_refused(tmp_path: Path) -> None:
    make_folder(tmp_path)
    files = sorted((tmp_path / "train").rglob("*.png"))
    for file in files[2:]:
        file.unlink()
    assert [len(split.labels) for split in parts(datasets.image_folder(tmp_path, None))][:2] == [
        1,
        1,
    ]
    files[0].unlink()
    with pytest.raises(ValueError, match="train: 1 image found; allowed: 2 or more"):
        datasets.image_folder(tmp_path, None)


def test_bad_folders_of_images_are_named(tmp_path: Path) -> None:
    make_folder(tmp_path)
    (tmp_path / "val" / "dog" / "00.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"val.dog.00.png: cannot be read .*a JPEG or PNG image"):
        datasets.image_folder(tmp_path, None).test.take(np.array([2]))
    (tmp_path / "val" / "cow").mkdir()
    with pytest.raises(ValueError, match="class 'cow' is not in both of train and val"):
        datasets.image_folder(tmp_path, None)
    with pytest.raises(
        ValueError, match="train: no such folder; allowed: a folder with one folder"
    ):
        datasets.image_folder(tmp_path / "val", None)
    (tmp_path / "empty" / "train").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"train: no images found; allowed: class/name.jpg"):
        datasets.image_folder(tmp_path / "empty", None)


def test_images_become_planes_of_floats() -> None:
    images = noise(2, 3, 4, 3)
    found = to_input(images)
    assert (found.dtype, tuple(found.shape)) == (torch.float32, (2, 3, 3, 4))
    expected = np.float32(images[1, 2, 3, 0]) / np.float32(255)
    assert found[1, 0, 2, 3].item() == expected


def test_in_order_yields_every_image_once_as_it_is() -> None:
    split = ArraySplit(noise(7, 2, 2, 1), np.arange(7), crop_and_flip)
    batches = list(in_order(split, 3))
    assert [len(labels) for _, labels in batches] == [3, 3, 1]
    assert torch.equal(torch.cat([images for images, _ in batches]), to_input(split.images))
    assert torch.cat([labels for _, labels in batches]).tolist() == list(range(7))
    with pytest.raises(ValueError, match="batch=0 found; allowed: 1 or more"):
        list(in_order(split, 0))


def test_the_table_of_sets_is_complete() -> None:
    assert DATASETS.keys() == {"mnist", "fashion_mnist", "cifar10", "image_folder"}

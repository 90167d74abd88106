from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advlearn.data.multilabel.store import (
    SplitLabels,
    load_multilabel,
    save_images,
    save_multilabel,
)
from advlearn.data.splits import SPLITS, SplitName
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, write_json

COUNTS = {"train": 7, "validation": 2, "test": 4}
SHAPE = (1, 3, 3)


def parts() -> dict[SplitName, SplitLabels]:
    draw = np.random.default_rng(0)
    made: dict[SplitName, SplitLabels] = {}
    for split in SPLITS:
        count = COUNTS[split]
        labels = draw.random((count, 3)) < 0.5
        labels[:, 0] |= ~labels.any(axis=1)
        made[split] = SplitLabels([f"{split}/{n}" for n in range(count)], labels)
    return made


@pytest.fixture
def arrays(tmp_path: Path) -> tuple[Path, np.ndarray]:
    pixels = np.random.default_rng(1).integers(0, 256, (13, *SHAPE), dtype=np.uint8)
    out = tmp_path / "data" / "dataset.json"
    save_images(out.parent, 13, SHAPE, iter([pixels[:5], pixels[5:6], pixels[6:]]))
    save_multilabel(
        out,
        name="scenes",
        class_names=("a", "b", "c"),
        shape=SHAPE,
        splits=parts(),
        found=COUNTS,
    )
    return out, pixels


def test_round_trip_of_arrays(arrays: tuple[Path, np.ndarray]) -> None:
    out, pixels = arrays
    data = load_multilabel(out)
    assert data.info == load_multilabel(out.parent).info
    assert (data.info.n_train, data.info.n_validation, data.info.n_test) == (7, 2, 4)
    assert (data.info.n_classes, data.info.shape, data.info.storage) == (3, SHAPE, "arrays")
    assert not data.info.skipped
    start = 0
    for split in SPLITS:
        loaded, wanted = data.split(split), parts()[split]
        rows = pixels[start : start + COUNTS[split]] / np.float32(255)
        start += COUNTS[split]
        assert len(loaded) == len(loaded.images) == COUNTS[split]
        assert loaded.images.shape == (COUNTS[split], *SHAPE)
        np.testing.assert_array_equal(loaded.labels, wanted.labels)
        assert loaded.names == wanted.names
        assert data.info.cardinality[split] == wanted.labels.sum(axis=1).mean()
        for positions in (slice(None), [1, 0, 1], np.array([0]), slice(1, 2), []):
            found = loaded.images[positions]
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, rows[positions])
        with pytest.raises(IndexError):
            loaded.images[[COUNTS[split]]]


def test_photos_are_stored_by_name_only(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    Image.new("RGB", (20, 20), (255, 255, 255)).save(root / "0.png")
    out = tmp_path / "data" / "dataset.json"
    save_images(out.parent, 0, (3, 16, 16), ())
    save_multilabel(
        out,
        name="voc2012",
        class_names=("NA", "b", "c"),
        shape=(3, 16, 16),
        splits={
            split: SplitLabels(["0.png"], np.array([[False, False, True]])) for split in SPLITS
        },
        found={"train": 4, "test": 1},
        skipped=[("x.jpg", "no label"), ("y.jpg", "damaged file"), ("z.jpg", "no label")],
        root=root,
        mode="crop",
    )
    data = load_multilabel(out)
    assert data.info.class_names[0] == "NA"
    assert data.info.skipped == {"no label": 2, "damaged file": 1}
    assert read_csv(out.parent / "skipped.csv")["name"].tolist() == ["x.jpg", "y.jpg", "z.jpg"]
    assert len(np.load(out.parent / "images.npy")) == 0
    assert (data.split("test").images[[0]] == 1).all()
    root.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="not there any more") as caught:
        data.split("test")
    assert str(root) in caught.value.where


@pytest.mark.parametrize("name", ["dataset.json", "images.csv", "images.npy"])
@pytest.mark.parametrize("damage", ["missing", "cut", "rubbish"])
def test_damaged_folders(name: str, damage: str, arrays: tuple[Path, np.ndarray]) -> None:
    path = arrays[0].with_name(name)
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"\xff\x00")
    with pytest.raises(UserError, match="cannot be read") as caught:
        load_multilabel(arrays[0]).split("test")
    assert caught.value.where == str(path)


def test_files_that_do_not_belong_together(arrays: tuple[Path, np.ndarray]) -> None:
    out = arrays[0]
    described = read_json(out)
    for key, value in (("n_test", 5), ("class_names", ["a"]), ("storage", "tape"), ("more", 1)):
        write_json(out, {**described, key: value})
        with pytest.raises(UserError, match="cannot be read"):
            load_multilabel(out)
    write_json(out, described)
    save_images(out.parent, 1, SHAPE, [np.zeros((1, *SHAPE), np.uint8)])
    with pytest.raises(UserError, match="for 13 images"):
        load_multilabel(out).split("test")


def test_unknown_split(arrays: tuple[Path, np.ndarray]) -> None:
    with pytest.raises(UserError, match="unknown split 'all'"):
        load_multilabel(arrays[0]).split("all")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "blocks", [[], [np.zeros((2, 1, 3, 3))], [np.zeros((2, 1, 3, 4), np.uint8)]]
)
def test_wrong_blocks_leave_no_file(blocks: list[np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rows instead|a block of"):
        save_images(tmp_path, 2, SHAPE, blocks)
    assert not list(tmp_path.iterdir())

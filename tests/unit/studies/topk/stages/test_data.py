from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advlearn.data.multilabel.store import load_multilabel
from advlearn.data.multilabel.voc import CLASSES
from advlearn.data.splits import SPLITS
from advlearn.data.store import load_info, load_split
from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.settings.multilabel import PhotosSettings, ScenesSettings
from advlearn.stages.download import download
from advlearn.stages.prepare import prepare
from advlearn.studies.topk.settings.jobs import TopkDataJob
from advlearn.studies.topk.stages.data import topk_data
from advlearn.support.errors import UserError
from tests.helpers.photos import picture

SUBSET = Path(os.environ.get("ADVLEARN_SHARED", "../shared")) / "data" / "voc2012_subset"
SCENES = ScenesSettings(
    canvas=24, side=(8, 10), train_images=1100, validation_images=6, test_images=8
)


def test_scenes(digits: Path, tmp_path: Path) -> None:
    out = tmp_path / "topk" / "data" / "dataset.json"
    topk_data(data=digits, settings=TopkDataJob(data=SCENES), out=out)
    data = load_multilabel(out)
    assert {path.name for path in out.parent.iterdir()} == {
        "dataset.json",
        "images.csv",
        "images.npy",
        "skipped.csv",
    }
    assert (data.info.name, data.info.storage, data.info.shape) == ("scenes", "arrays", (1, 24, 24))
    assert data.info.class_names == tuple("0123456789")
    assert (data.info.n_train, data.info.n_validation, data.info.n_test) == (1100, 6, 8)
    for split in SPLITS:
        part = data.split(split)
        numbers = part.labels.sum(axis=1)
        assert numbers.min() >= 3
        assert numbers.max() <= 9
        assert data.info.cardinality[split] == pytest.approx(numbers.mean())
        images = part.images[:]
        assert images.shape == part.images.shape
        assert 0 <= images.min() < images.max() <= 1
        # Resized bilinearly, no scene is brighter than the brightest image of its split.
        assert images.max() <= load_split(digits, split).images.max()


def test_scenes_of_negatives_have_twice_as_many_labels(digits: Path, tmp_path: Path) -> None:
    out = tmp_path / "dataset.json"
    many = {"negatives": True, "labels": (2, 20), "canvas": 48, "train_images": 400}
    topk_data(data=digits, settings=TopkDataJob(data=SCENES.model_copy(update=many)), out=out)
    data = load_multilabel(out)
    assert data.info.class_names[:10] == tuple("0123456789")
    assert data.info.class_names[10:] == tuple(f"{digit} negative" for digit in range(10))
    numbers = data.split("train").labels.sum(axis=1)
    assert (numbers.min(), numbers.max()) == (2, 20)


def test_scenes_need_the_runs_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none are given"):
        topk_data(settings=TopkDataJob(data=SCENES), out=tmp_path / "dataset.json")


def test_own_images_in_floating_point_are_said_to_be_rounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(0)
    np.savez(
        tmp_path / "own.npz",
        train_images=draw.random((60, 8, 8)),
        train_labels=np.arange(60) % 4,
        test_images=draw.random((12, 8, 8)),
        test_labels=np.arange(12) % 4,
    )
    manifest, data = tmp_path / "raw" / "manifest.json", tmp_path / "data" / "dataset.json"
    download(dataset="arrays", settings=SourceSettings(root=tmp_path / "own.npz"), out=manifest)
    wanted = DataSettings(dataset="arrays", validation_images=12)
    prepare(manifest=manifest, settings=wanted, out=data)
    scenes = SCENES.model_copy(update={"train_images": 4, "labels": (2, 3)})
    topk_data(data=data, settings=TopkDataJob(data=scenes), out=tmp_path / "topk" / "dataset.json")
    assert "[topk_data] test: images in floating point are rounded" in capsys.readouterr().err


def test_scenes_say_how_many_of_their_images_two_splits_share(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (72, 8, 8), dtype=np.uint8)
    images[60:63] = images[:3]
    np.savez(
        tmp_path / "own.npz",
        train_images=images[:60],
        train_labels=np.arange(60) % 4,
        test_images=images[60:],
        test_labels=np.arange(12) % 4,
    )
    manifest, data = tmp_path / "raw" / "manifest.json", tmp_path / "data" / "dataset.json"
    download(dataset="arrays", settings=SourceSettings(root=tmp_path / "own.npz"), out=manifest)
    wanted = DataSettings(dataset="arrays", validation_images=12)
    prepare(manifest=manifest, settings=wanted, out=data)
    scenes = SCENES.model_copy(update={"train_images": 4, "labels": (2, 3)})
    out = tmp_path / "topk" / "dataset.json"
    topk_data(data=data, settings=TopkDataJob(data=scenes), out=out)
    shared = load_multilabel(out).info.shared
    assert shared == load_info(data).shared
    assert sum(shared.values()) == 3


def test_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "VOC2012"
    main = root / "ImageSets" / "Main"
    main.mkdir(parents=True)
    for part, count in (("train", 8), ("val", 5)):
        names = [f"{part}{n}" for n in range(count)]
        (main / f"{part}.txt").write_text("\n".join(names))
        for index, label in enumerate(CLASSES):
            lines = [f"{name} {1 if (n + index) % 10 == 0 else -1}" for n, name in enumerate(names)]
            (main / f"{label}_{part}.txt").write_text("\n".join(lines))
        for n, name in enumerate(names):
            picture(root / "JPEGImages" / f"{name}.jpg", 100 * count + n)
    photos = root / "JPEGImages"
    (photos / "val4.jpg").write_bytes((photos / "train4.jpg").read_bytes())
    grey = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    Image.fromarray(grey).save(photos / "train5.jpg", format="PNG")
    (root / "JPEGImages" / "val1.jpg").write_bytes(b"damaged")
    (root / "JPEGImages" / "val3.jpg").unlink()
    out = tmp_path / "data" / "dataset.json"
    wanted = PhotosSettings(name="voc2012", root=root, size=16, validation_images=2)
    topk_data(settings=TopkDataJob(data=wanted), out=out, threads=2)
    data = load_multilabel(out)
    assert data.info.shape == (3, 16, 16)
    assert (data.info.n_train, data.info.n_validation, data.info.n_test) == (6, 2, 3)
    assert data.info.found == {"train": 8, "test": 5}
    assert data.info.skipped == {"damaged file": 1, "missing file": 1}
    assert data.info.changed == {"16 bits a channel, scaled to 8": 1}
    assert sum(data.info.shared.values()) == 1
    said = capsys.readouterr().err
    assert "[topk_data] 1 photos: 16 bits a channel, scaled to 8" in said
    assert "[topk_data] 1 images of the test split are in the" in said
    test = data.split("test")
    assert test.names == [f"JPEGImages/val{n}.jpg" for n in (0, 2, 4)]
    assert [np.flatnonzero(row).tolist() for row in test.labels] == [[0, 10], [8, 18], [6, 16]]
    assert test.images[[2, 0]].shape == (2, 3, 16, 16)


@pytest.mark.skipif(
    not SUBSET.is_dir(), reason="no real VOC photos: set ADVLEARN_SHARED to the folder around data/"
)
def test_real_photos(tmp_path: Path) -> None:
    out = tmp_path / "dataset.json"
    wanted = PhotosSettings(
        name="voc2012", root=SUBSET, size=64, train_images=60, validation_images=20, test_images=40
    )
    topk_data(settings=TopkDataJob(data=wanted), out=out)
    data = load_multilabel(out)
    assert (data.info.n_train, data.info.n_validation, data.info.n_test) == (60, 20, 40)
    assert data.info.found == {"train": 1697, "test": 1729}
    for split in SPLITS:
        part = data.split(split)
        assert part.labels.any(axis=1).all()
        assert part.images[:5].std() > 0.1
    assert not set(data.split("train").names) & set(data.split("validation").names)

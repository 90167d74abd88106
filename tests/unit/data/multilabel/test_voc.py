from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from advlearn.data.multilabel.photos import decode
from advlearn.data.multilabel.voc import CLASSES, read
from advlearn.support.errors import UserError

SUBSET = Path(os.environ.get("ADVLEARN_SHARED", "../shared")) / "data" / "voc2012_subset"


@pytest.mark.parametrize("annotations", [True, False])
def test_labels_and_parts(annotations: bool, make_voc: Callable[..., Path]) -> None:
    root = make_voc(annotations)
    listing = read(root)
    shown = {
        photo.name: [CLASSES[index] for index in photo.labels]
        for photo in listing.train + listing.test
    }
    assert shown == {
        "JPEGImages/a.jpg": ["cat", "dog"],
        "JPEGImages/b.jpg": ["dog"],
        "JPEGImages/c.jpg": [],
        "JPEGImages/d.jpg": ["person"],
        "JPEGImages/e.jpg": ["cat"],
        "JPEGImages/f.jpg": ["aeroplane", "tvmonitor"],
    }
    assert (len(listing.train), len(listing.test)) == (4, 2)
    assert listing.class_names == CLASSES
    assert (listing.root / "JPEGImages/a.jpg").is_file()


def test_the_devkit_is_found_from_the_folders_around_it(
    make_voc: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_voc()
    assert read(tmp_path).root == root
    (tmp_path / "outer").mkdir()
    root.rename(tmp_path / "outer" / "VOC2012")
    (tmp_path / "outer").rename(tmp_path / "VOCdevkit")
    assert read(tmp_path).root == tmp_path / "VOCdevkit" / "VOC2012"
    with pytest.raises(UserError, match="no folder JPEGImages"):
        read(tmp_path / "VOCdevkit" / "VOC2012" / "ImageSets")


def test_a_missing_annotation_file_means_no_label(make_voc: Callable[..., Path]) -> None:
    root = make_voc(True)
    (root / "Annotations" / "a.xml").unlink()
    assert read(root).train[0].labels == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cat_train.txt", None),
        ("train.txt", None),
        ("val.txt", ""),
        ("cat_val.txt", "e  1\n"),
        ("cat_val.txt", "e  1\nf 2\n"),
        ("cat_val.txt", "e  1\nf\n"),
        ("cat_val.txt", "e  1\nf -1\ne -1\n"),
        ("val.txt", "e\nf g\n"),
        ("val.txt", "e\n../f\n"),
        ("val.txt", "caf\xe9\n".encode("latin-1")),
    ],
)
def test_lists_may_not_be_missing_or_damaged(
    name: str, text: str | bytes | None, make_voc: Callable[..., Path]
) -> None:
    root = make_voc()
    path = root / "ImageSets" / "Main" / name
    path.unlink()
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        read(root)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("annotations", [True, False])
def test_lists_of_a_windows_editor_are_read_alike(
    annotations: bool, make_voc: Callable[..., Path]
) -> None:
    root = make_voc(annotations)
    before = read(root)
    for path in (root / "ImageSets" / "Main").iterdir():
        text = "".join(f"{line}  \r\n" for line in path.read_text().splitlines())
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    for path in root.glob("Annotations/*.xml"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(root) == before


def test_a_photo_that_is_listed_again_counts_once(
    make_voc: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_voc()
    before = read(root)
    for name in ("train.txt", "cat_train.txt"):
        path = root / "ImageSets" / "Main" / name
        path.write_text(path.read_text() + path.read_text())
    assert read(root) == before
    assert "[train.txt] 4 lines say the same again" in capsys.readouterr().err


def test_photos_of_class_lists_that_no_part_lists_are_counted(
    make_voc: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_voc()
    before = read(root)
    assert "left out" not in capsys.readouterr().err
    main = root / "ImageSets" / "Main"
    for name in ("cat_train.txt", "dog_train.txt"):
        path = main / name
        path.write_text(f"{path.read_text()}y  1\nx -1\n")
    assert read(root) == before
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("[train.txt] lists of classes name 2 photos that it does not;")
    assert "x in cat_train.txt" in line
    path = main / "val.txt"
    path.write_text(path.read_text().splitlines()[0])  # a shortened list, as of a partial copy
    assert len(read(root).test) == 1
    assert "[val.txt] lists of classes name 1 photos" in capsys.readouterr().err


def test_a_photo_of_both_parts_is_refused(make_voc: Callable[..., Path]) -> None:
    root = make_voc(True)
    path = root / "ImageSets" / "Main" / "val.txt"
    path.write_text(path.read_text() + "a\n")
    with pytest.raises(UserError, match=r"JPEGImages/a\.jpg is in the part to train on and in"):
        read(root)


@pytest.mark.parametrize("text", ["<annotation>", "<a><object><name>tiger</name></object></a>"])
def test_damaged_annotations(text: str, make_voc: Callable[..., Path]) -> None:
    root = make_voc(True)
    (root / "Annotations" / "b.xml").write_text(text)
    with pytest.raises(UserError, match="labels cannot be read") as caught:
        read(root)
    assert caught.value.where.endswith("b.xml")
    if "tiger" in text:
        assert "'tiger' is no class of VOC 2012" in caught.value.what


@pytest.mark.skipif(
    not SUBSET.is_dir(), reason="no real VOC photos: set ADVLEARN_SHARED to the folder around data/"
)
def test_real_photos() -> None:
    listing = read(SUBSET)
    photos = listing.train + listing.test
    assert (len(listing.train), len(listing.test)) == (1697, 1729)
    numbers = [len(photo.labels) for photo in photos]
    assert sum(number >= 2 for number in numbers) == 915
    assert sum(numbers) / len(numbers) == pytest.approx(1.32, abs=0.005)
    assert all((listing.root / photo.name).is_file() for photo in photos)
    assert decode(listing.root / photos[0].name, 64, "crop").std() > 10

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.data.multilabel.listing import Photo
from advlearn.data.multilabel.nuswide import read
from advlearn.support.errors import UserError


def test_photos_are_found_by_their_id(nuswide: Path) -> None:
    listing = read(nuswide)
    assert listing.class_names == ("sky", "sea", "sun")
    assert listing.train == [
        Photo("images/77_111_abc_m.jpg", (0, 2)),
        Photo("images/78_333_def_m.jpg", (1,)),
    ]
    assert listing.test == [Photo("images/0004_444.jpg", (2,))]


def test_a_missing_photo_is_named_as_in_the_list(nuswide: Path) -> None:
    (nuswide / "images" / "78_333_def_m.jpg").unlink()
    assert read(nuswide).train[1].name == "images/0003_333.jpg"


@pytest.mark.parametrize(
    "line",
    [
        *("3,1,0,0", "-1,1,0,0", "x,1,0,0", "0,1,0", "0,1,0,2", "0,1,0,0,0"),
        *("1_0,1,0,0", "1.0,1,0,0", "0,0,0,1"),
    ],
)
def test_damaged_lines(line: str, nuswide: Path) -> None:
    path = nuswide / "classification_labels" / "classification_trainval.csv"
    path.write_text(f"name,sky,sea,sun\n0,1,0,1\n{line}\n")
    with pytest.raises(UserError, match="line 3") as caught:
        read(nuswide)
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("name,sky,sea,sky", "the class 'sky' is given twice"),
        ("name,sky,,sun", "class 2 of 3 has no name"),
        ("name;sky;sea;sun", "separated by a semicolon"),
    ],
)
def test_headers_that_name_no_classes(header: str, said: str, nuswide: Path) -> None:
    path = nuswide / "classification_labels" / "classification_trainval.csv"
    path.write_text(f"{header}\n0,1,0,1\n")
    with pytest.raises(UserError, match=said):
        read(nuswide)


def test_lists_of_a_windows_editor_are_read_alike(nuswide: Path) -> None:
    (nuswide / "images" / "78_333_def_m.jpg").unlink()
    before = read(nuswide)
    for folder, end in (("ImageList", "  \r\n"), ("classification_labels", "\r\n")):
        for path in (nuswide / folder).iterdir():
            text = "".join(f"{line}{end}" for line in path.read_text().splitlines())
            path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(nuswide) == before


def test_the_same_labels_again_count_once(
    nuswide: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read(nuswide)
    path = nuswide / "classification_labels" / "classification_trainval.csv"
    path.write_text(path.read_text() + "0,1,0,1\n")
    assert read(nuswide) == before
    assert "1 lines say the same again" in capsys.readouterr().err


def test_two_files_of_one_photo_and_a_photo_in_both_parts(nuswide: Path) -> None:
    (nuswide / "images" / "79_111_ghi_m.jpg").touch()
    with pytest.raises(UserError, match=r"77_111_abc_m\.jpg and images/79_111_ghi_m\.jpg"):
        read(nuswide)
    (nuswide / "images" / "79_111_ghi_m.jpg").unlink()
    (nuswide / "ImageList" / "TestImagelist.txt").write_text("actor\\0001_111.jpg\n")
    with pytest.raises(UserError, match="in the part to train on and in the part to attack"):
        read(nuswide)


def test_other_classes_or_a_missing_list(nuswide: Path) -> None:
    path = nuswide / "classification_labels" / "classification_test.csv"
    path.write_text(path.read_text().replace("sun", "moon"))
    with pytest.raises(UserError, match="different classes"):
        read(nuswide)
    (nuswide / "ImageList" / "TestImagelist.txt").unlink()
    with pytest.raises(UserError, match="lists may not"):
        read(nuswide)

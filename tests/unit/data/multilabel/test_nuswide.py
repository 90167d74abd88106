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
    "line", ["3,1,0,0", "-1,1,0,0", "x,1,0,0", "0,1,0", "0,1,0,2", "0,1,0,0,0"]
)
def test_damaged_lines(line: str, nuswide: Path) -> None:
    path = nuswide / "classification_labels" / "classification_trainval.csv"
    path.write_text(f"name,sky,sea,sun\n0,1,0,1\n{line}\n")
    with pytest.raises(UserError, match="line 3") as caught:
        read(nuswide)
    assert caught.value.where == str(path)


def test_other_classes_or_a_missing_list(nuswide: Path) -> None:
    path = nuswide / "classification_labels" / "classification_test.csv"
    path.write_text(path.read_text().replace("sun", "moon"))
    with pytest.raises(UserError, match="different classes"):
        read(nuswide)
    (nuswide / "ImageList" / "TestImagelist.txt").unlink()
    with pytest.raises(UserError, match="lists may not"):
        read(nuswide)

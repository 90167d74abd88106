from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advlearn.data.multilabel.photos import Photos, decode, is_readable
from advlearn.support.errors import UserError


def halves(width: int, height: int) -> Image.Image:
    """Left half red, right half blue."""
    photo = Image.new("RGB", (width, height), (255, 0, 0))
    photo.paste((0, 0, 255), (width // 2, 0, width, height))
    return photo


def test_crop_takes_the_middle_of_the_longer_side(tmp_path: Path) -> None:
    photo = Image.new("RGB", (80, 20), (255, 0, 0))
    photo.paste((0, 255, 0), (30, 0, 50, 20))
    photo.save(tmp_path / "wide.png")
    photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "tall.png")
    for name in ("wide.png", "tall.png"):
        pixels = decode(tmp_path / name, 20, "crop")
        assert pixels.shape == (3, 20, 20)
        assert pixels.dtype == np.uint8
        assert (pixels[1] == 255).all()
        assert not pixels[0].any()


def test_square_keeps_all_of_the_photo(tmp_path: Path) -> None:
    halves(80, 20).save(tmp_path / "wide.png")
    pixels = decode(tmp_path / "wide.png", 20, "square")
    assert (pixels[0, :, :9] == 255).all()
    assert (pixels[2, :, 11:] == 255).all()


@pytest.mark.parametrize(
    ("width", "height", "size"), [(37, 23, 16), (23, 37, 16), (16, 16, 40), (500, 333, 30)]
)
def test_sizes_that_do_not_divide(width: int, height: int, size: int, tmp_path: Path) -> None:
    halves(width, height).save(tmp_path / "x.png")
    for mode in ("crop", "square"):
        pixels = decode(tmp_path / "x.png", size, mode)
        assert pixels.shape == (3, size, size)
        # No black border: the crop lies inside the resized photo.
        assert (pixels[0].astype(int) + pixels[2] >= 254).all()


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "LA", "RGBA", "1"])
def test_every_kind_of_picture_becomes_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("x.jpg" if mode in ("L", "CMYK") else "x.png")
    Image.new("RGB", (20, 20), (255, 255, 255)).convert(mode).save(path)
    with Image.open(path) as saved:
        assert saved.mode == mode
    np.testing.assert_array_equal(decode(path, 16, "crop"), np.full((3, 16, 16), 255))


def test_orientation_in_the_exif_data_is_ignored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    halves(32, 32).save(tmp_path / "turned.jpg", exif=exif, quality=95, subsampling=0)
    pixels = decode(tmp_path / "turned.jpg", 32, "crop")
    assert pixels[0, :, :15].min() > 200
    assert pixels[0, :, 17:].max() < 60


def test_damaged_photos_are_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jpg"
    Image.effect_noise((64, 64), 80).save(whole)
    content = whole.read_bytes()
    assert is_readable(whole)
    for name, damaged in (
        ("cut.jpg", content[: len(content) // 2]),
        ("empty.jpg", b""),
        ("text.jpg", b"no picture"),
    ):
        path = tmp_path / name
        path.write_bytes(damaged)
        assert not is_readable(path)
        with pytest.raises(UserError, match="the photo cannot be read") as caught:
            decode(path, 16, "crop")
        assert caught.value.where == str(path)
    assert not is_readable(tmp_path / "none.jpg")


def test_photos_are_decoded_when_they_are_looked_at(tmp_path: Path) -> None:
    for value in (0, 51, 255):
        Image.new("RGB", (20, 30), (value, 0, 0)).save(tmp_path / f"{value}.png")
    photos = Photos(tmp_path, ["0.png", "51.png", "255.png", "missing.png"], 16, "crop")
    assert len(photos) == 4
    assert photos.shape == (4, 3, 16, 16)
    some = photos[np.array([2, 0])]
    assert some.dtype == np.float32
    assert some[:, 0, 0, 0].tolist() == [1.0, 0.0]
    assert photos[1:2][0, 0, 0, 0] == np.float32(51) / np.float32(255)
    assert photos[[]].shape == (0, 3, 16, 16)
    with pytest.raises(UserError, match="cannot be read"):
        photos[3:]

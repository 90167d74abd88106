from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from advlearn.data.multilabel.photos import (
    DAMAGED,
    FRAMES,
    HUGE,
    INKS,
    NARROW,
    RANGE,
    TRANSPARENT,
    TURNED,
    WIDE,
    Photos,
    decode,
    look_at,
)
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
    assert look_at(tmp_path / "turned.jpg").changes == (TURNED,)


GREY = np.linspace(0, 65535, 1024).astype(np.uint16).reshape(32, 32)
"""The whole range of 16 bits; the first row of the first 32nd, the last row of the last."""


def of_array(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values)


def twelve_bits() -> bytes:
    """A TIFF of 12 bits a pixel, two pixels in three bytes: 16 rows of 0, 16 rows of 4095."""
    pixels = b"\0" * 768 + b"\xff" * 768
    tags = [(256, 32), (257, 32), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 32)]
    tags.append((279, len(pixels)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
    return start + pixels + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)


def several(kind: str) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def half_clear(mode: str) -> Image.Image:
    """The left half of black that nothing covers, the right half opaque red (or its grey)."""
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (16, 0, 32, 32))
    return image.convert(mode)


def palette(transparency: bool) -> bytes:
    image = Image.new("P", (32, 32), 1)
    image.paste(0, (0, 0, 16, 32))
    image.putpalette([0, 0, 0, 255, 0, 0])
    return saved(image, "PNG", **({"transparency": 0} if transparency else {}))


RED, BLACK, WHITE = (255, 0, 0), (0, 0, 0), (255, 255, 255)
Corner = tuple[int, int, int]

# Each: the file, what is done to it, and the top left and the bottom right pixel.
KINDS: dict[str, tuple[Callable[[], bytes], tuple[str, ...], Corner, Corner]] = {
    "RGB": (lambda: saved(halves(32, 32), "PNG"), (), RED, (0, 0, 255)),
    "16-bit PNG": (lambda: saved(of_array(GREY), "PNG"), (WIDE,), BLACK, WHITE),
    "16-bit TIFF": (lambda: saved(of_array(GREY), "TIFF"), (WIDE,), BLACK, WHITE),
    "16-bit TIFF, white is zero": (
        lambda: saved(of_array(GREY), "TIFF", tiffinfo={262: 0}), (WIDE,), WHITE, BLACK,
    ),
    "16-bit PGM": (
        lambda: b"P5 32 32 65535\n" + GREY.astype(">u2").tobytes(), (WIDE,), BLACK, WHITE,
    ),
    "10-bit PGM": (
        lambda: b"P5 32 32 1023\n" + (GREY >> 6).astype(">u2").tobytes(), (WIDE,), BLACK, WHITE,
    ),
    "12-bit TIFF": (twelve_bits, (WIDE,), BLACK, WHITE),
    "16-bit PNG with a transparent grey": (
        lambda: saved(of_array(np.where(GREY < 9000, 0, GREY).astype(np.uint16)), "PNG",
                      transparency=0),
        (WIDE, TRANSPARENT), WHITE, WHITE,
    ),
    "RGBA": (lambda: saved(half_clear("RGBA"), "PNG"), (TRANSPARENT,), WHITE, RED),
    "LA": (lambda: saved(half_clear("LA"), "PNG"), (TRANSPARENT,), WHITE, (76, 76, 76)),
    "opaque RGBA": (
        lambda: saved(halves(32, 32).convert("RGBA"), "PNG"), (), RED, (0, 0, 255),
    ),
    "palette": (lambda: palette(False), (), BLACK, RED),
    "palette with transparency": (lambda: palette(True), (TRANSPARENT,), WHITE, RED),
    "RGB with a transparent colour": (
        lambda: saved(halves(32, 32), "PNG", transparency=RED), (TRANSPARENT,), WHITE, (0, 0, 255),
    ),
    "1 bit": (lambda: saved(half_clear("L").convert("1"), "PNG"), (), BLACK, BLACK),
    "CMYK": (lambda: saved(Image.new("CMYK", (32, 32)), "TIFF"), (INKS,), WHITE, WHITE),
    "MPO of two pictures": (lambda: several("MPO"), (), (254, 0, 0), (254, 0, 0)),
    "GIF of one frame": (lambda: saved(Image.new("RGB", (32, 32), "red"), "GIF"), (), RED, RED),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_in_a_picture_of_this_kind(kind: str, tmp_path: Path) -> None:
    content, changes, first, last = KINDS[kind]
    path = tmp_path / "x"
    path.write_bytes(content())
    look = look_at(path)
    assert look.fault is None
    assert look.changes == changes
    pixels = decode(path, 32, "crop")
    assert tuple(pixels[:, 0, 0].tolist()) == first
    assert tuple(pixels[:, -1, -1].tolist()) == last


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (lambda: saved(of_array(GREY.astype(np.int32)), "TIFF"), RANGE),
        (lambda: saved(of_array((GREY / 65535).astype(np.float32)), "PPM"), RANGE),
        (lambda: saved(of_array((GREY / 65535).astype(np.float32)), "TIFF"), RANGE),
        (lambda: saved(of_array(GREY), "TIFF", tiffinfo={339: 2}), RANGE),
        (lambda: saved(of_array((GREY >> 8).astype(np.uint8)), "TIFF", tiffinfo={339: 2}), RANGE),
        (lambda: saved(Image.new("RGB", (2, 201)), "PNG"), NARROW),
        (lambda: several("GIF"), FRAMES),
        (lambda: several("PNG"), FRAMES),
        (lambda: several("WEBP"), FRAMES),
        (lambda: several("TIFF"), FRAMES),
    ],
    ids=[
        "32 bits",
        "float PFM",
        "float TIFF",
        "signed 16",
        "signed 8",
        "narrow",
        "GIF",
        "APNG",
        "WebP",
        "TIFF",
    ],
)
def test_what_cannot_become_a_photo_says_why(
    content: Callable[[], bytes], fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content())
    assert look_at(path).fault == fault
    with pytest.raises(UserError) as caught:
        decode(path, 32, "crop")
    assert fault in caught.value.what


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=64))
def test_sixteen_bits_keep_their_order_and_their_range(
    tmp_path_factory: pytest.TempPathFactory, values: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "grey.png"
    size = len(values)
    of_array(np.tile(np.array(values, dtype=np.uint16), (size, 1))).save(path)
    np.testing.assert_array_equal(
        decode(path, size, "square")[0, 0], np.rint(np.array(values) / 257).astype(np.uint8)
    )


def test_a_picture_that_unpacks_to_very_many_pixels_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("1", (15_000, 15_000)).save(path)
    assert path.stat().st_size < 1_000_000
    assert look_at(path).fault == HUGE
    with pytest.raises(UserError, match="cannot be read"):
        decode(path, 32, "crop")


def test_the_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    halves(32, 32).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    halves(32, 32).save(tmp_path / "c.bmp")
    one, two, three = (look_at(tmp_path / name) for name in ("a.png", "b.png", "c.bmp"))
    assert one == two
    assert one.digest != three.digest


def test_damaged_photos_are_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jpg"
    Image.effect_noise((64, 64), 80).save(whole)
    content = whole.read_bytes()
    assert look_at(whole).fault is None
    for name, damaged in (
        ("cut.jpg", content[: len(content) // 2]),
        ("empty.jpg", b""),
        ("text.jpg", b"no picture"),
    ):
        path = tmp_path / name
        path.write_bytes(damaged)
        assert look_at(path).fault == DAMAGED
        with pytest.raises(UserError, match="the photo cannot be read") as caught:
            decode(path, 16, "crop")
        assert caught.value.where == str(path)
    assert look_at(tmp_path / "none.jpg").fault == DAMAGED


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


def test_decoded_photos_are_kept_as_long_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advlearn.data.multilabel.photos._KEPT", 2 * 3 * 16 * 16 + 1)
    names = [f"{value}.png" for value in (10, 20, 30)]
    for value, name in zip((10, 20, 30), names, strict=True):
        Image.new("RGB", (16, 16), (value, value, value)).save(tmp_path / name)
    photos = Photos(tmp_path, names, 16, "crop")
    first = photos[:]
    for name in names:
        (tmp_path / name).unlink()
    assert np.array_equal(photos[:2], first[:2])
    with pytest.raises(UserError, match="cannot be read") as caught:
        photos[2:]
    assert caught.value.where == str(tmp_path / "30.png")

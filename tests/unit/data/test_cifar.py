from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advlearn.data.cifar import RECORD, read_batches, rebuild_from_sprite
from advlearn.data.copying import SourceFailure
from advlearn.support.errors import UserError


def records(count: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, 256, (count, RECORD), dtype=np.uint8)
    drawn[:, 0] %= 10
    return drawn


def test_batches_in_order(tmp_path: Path) -> None:
    batches = [records(3, 0), records(2, 1)]
    paths = [tmp_path / "a.bin", tmp_path / "b.bin"]
    for path, batch in zip(paths, batches, strict=True):
        path.write_bytes(batch.tobytes())
    images, labels = read_batches(paths)
    together = np.concatenate(batches)
    assert images.shape == (5, 3, 32, 32)
    np.testing.assert_array_equal(labels, together[:, 0])
    # Second image, green plane, row 2, column 5.
    assert images[1, 1, 2, 5] == together[1, 1 + 1024 + 2 * 32 + 5]


@pytest.mark.parametrize("length", [0, 1, RECORD - 1, RECORD + 1])
def test_broken_records(length: int, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(length))
    with pytest.raises(UserError, match="whole records") as caught:
        read_batches([tmp_path / "a.bin"])
    assert "a.bin" in caught.value.where


def sprite_of(batch: np.ndarray, path: Path) -> None:
    pixels = batch[:, 1:].reshape(len(batch), 3, 1024).transpose(0, 2, 1)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def test_a_batch_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    first, second = records(4, 0), records(4, 1)
    sprite_of(second, tmp_path / "s.png")
    listed = np.concatenate([first[:, 0], second[:, 0]]).tolist()
    (tmp_path / "labels.json").write_text(json.dumps(listed))
    rebuild_from_sprite(tmp_path / "s.png", tmp_path / "labels.json", 1, tmp_path / "b.bin")
    assert (tmp_path / "b.bin").read_bytes() == second.tobytes()


@pytest.mark.parametrize(
    "labels", ["", "{}", "[1, 2]", "[1, 2, 3, 999]", '["a", "b", "c", "d"]', "[[1], [2], [3], [4]]"]
)
def test_labels_that_do_not_fit(labels: str, tmp_path: Path) -> None:
    sprite_of(records(4, 0), tmp_path / "s.png")
    (tmp_path / "labels.json").write_text(labels)
    with pytest.raises(SourceFailure, match="cannot rebuild"):
        rebuild_from_sprite(tmp_path / "s.png", tmp_path / "labels.json", 0, tmp_path / "b.bin")
    assert not (tmp_path / "b.bin").exists()


def test_sprites_that_do_not_fit(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text("[1, 2, 3, 4]")
    (tmp_path / "s.png").write_bytes(b"no picture")
    with pytest.raises(SourceFailure, match="cannot rebuild"):
        rebuild_from_sprite(tmp_path / "s.png", tmp_path / "labels.json", 0, tmp_path / "b.bin")
    Image.fromarray(np.zeros((4, 1000, 3), np.uint8)).save(tmp_path / "s.png")
    with pytest.raises(SourceFailure, match="4 x 1000 pixels"):
        rebuild_from_sprite(tmp_path / "s.png", tmp_path / "labels.json", 0, tmp_path / "b.bin")

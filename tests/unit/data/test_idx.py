from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.data.idx import read_idx
from advlearn.support.errors import UserError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def test_images_and_labels(idx: Callable[[np.ndarray], bytes], tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx(IMAGES))
    (tmp_path / "labels").write_bytes(idx(IMAGES[:, 0, 0]))
    np.testing.assert_array_equal(read_idx(tmp_path / "images", 3), IMAGES)
    np.testing.assert_array_equal(read_idx(tmp_path / "labels", 1), [0, 20, 40])


def test_every_truncation_is_refused(
    idx: Callable[[np.ndarray], bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = idx(IMAGES)
    path = tmp_path_factory.mktemp("idx") / "images"

    @given(st.integers(0, len(whole) - 1))
    def check(length: int) -> None:
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="damaged or truncated") as caught:
            read_idx(path, 3)
        assert caught.value.where == str(path)

    check()


@pytest.mark.parametrize("position", [0, 2, 3, 7])
def test_a_wrong_header_is_refused(
    position: int, idx: Callable[[np.ndarray], bytes], tmp_path: Path
) -> None:
    content = bytearray(idx(IMAGES))
    content[position] += 1
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        read_idx(tmp_path / "images", 3)


def test_too_much_is_refused(idx: Callable[[np.ndarray], bytes], tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx(IMAGES) + b"x")
    with pytest.raises(UserError, match="announces 60 bytes, it holds 61"):
        read_idx(tmp_path / "images", 3)

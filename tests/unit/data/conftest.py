"""A tiny data set in the idx format, a web server for it, and pretended package managers."""

from __future__ import annotations

import hashlib
import io
import struct
import sys
import tarfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from advlearn.data.catalogue import Dataset, PackageMember, RawFile
from tests.helpers.server import Server

NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def tiny_contents() -> dict[str, bytes]:
    draw = np.random.default_rng(0)
    arrays = {
        "train_images": draw.integers(0, 256, (40, 4, 4)),
        "train_labels": np.arange(40) % 2,
        "test_images": draw.integers(0, 256, (10, 4, 4)),
        "test_labels": np.arange(10) % 2,
    }
    return {NAMES[role]: idx_bytes(array) for role, array in arrays.items()}


def tar_bytes(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def make_tiny(
    addresses: tuple[str, ...] = (), packages: tuple[str, ...] = (), suffix: str = ".gz"
) -> Dataset:
    """The data set 'tiny' with its files at ``ADDRESS + name + suffix`` and in npm packages."""
    files = tuple(
        RawFile(
            name=name,
            role=role,
            sha256=hashlib.sha256(tiny_contents()[name]).hexdigest(),
            size=len(tiny_contents()[name]),
            official=tuple(f"{address}{name}{suffix}" for address in addresses),
            packages=tuple(
                PackageMember("npm", package, (f"package/{name}",)) for package in packages
            ),
            rebuild="",
        )
        for role, name in NAMES.items()
    )
    return Dataset(
        name="tiny",
        title="Tiny",
        reader="idx",
        n_train=40,
        n_test=10,
        shape=(1, 4, 4),
        class_names=("zero", "one"),
        licence="none",
        reference="none",
        files=files,
    )


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def closed_address() -> str:
    """An address of this machine at which nobody listens."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    address = f"http://127.0.0.1:{http.server_address[1]}/"
    http.server_close()
    return address


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Put pretended commands, and no others, on PATH: ``commands(name, python code)``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name: str, code: str) -> Path:
        path = folder / name
        path.write_text(f"#!{sys.executable}\n{code}\n")
        path.chmod(0o755)
        return path

    return add


@pytest.fixture
def tiny() -> Callable[..., Dataset]:
    return make_tiny


@pytest.fixture
def contents() -> dict[str, bytes]:
    return tiny_contents()


@pytest.fixture
def tar() -> Callable[..., bytes]:
    return tar_bytes


@pytest.fixture
def idx() -> Callable[[np.ndarray], bytes]:
    return idx_bytes


@pytest.fixture(autouse=True)
def _no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADVLEARN_MIRROR", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

"""What comes from outside is data: no pickle runs, no archive reaches out, no address is free."""

from __future__ import annotations

import ast
import io
import os
import pickle
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from advlearn.data import catalogue, cifar, idx, point_sets, pretrained, readers, store
from advlearn.data.copying import SourceFailure, unpack
from advlearn.data.fetch import ARRAYS_FILE, read_manifest
from advlearn.data.multilabel.archives import unpack_all
from advlearn.data.multilabel.catalogue import COLLECTIONS
from advlearn.data.multilabel.photos import decode
from advlearn.data.multilabel.store import load_multilabel
from advlearn.learners.networks import build
from advlearn.learners.networks.weights import load_network
from advlearn.settings.network import ImagenetResnetSettings
from advlearn.settings.points import CsvSettings
from advlearn.support import io as files
from advlearn.support.errors import UserError

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("src", "scripts", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]

# The source, read as data.

PICKLING = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal",
    "jsonpickle",
}  # fmt: skip
CODE = {"eval", "exec", "compile", "__import__"}
FORBIDDEN = {
    "pd.read_pickle", "pd.read_hdf", "torch.jit.load", "torch.package", "torch.hub.load",
    "torch.hub.load_state_dict_from_url", "torch.hub.download_url_to_file", "yaml.load",
    "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen", "shutil.unpack_archive",
}  # fmt: skip
NETWORK = {
    "urllib.request", "urllib3", "requests", "httpx", "aiohttp", "socket", "ftplib", "smtplib",
    "http.client", "http.server", "xmlrpc", "websockets", "paramiko", "pooch", "gdown",
}  # fmt: skip
FETCHERS = re.compile(r"fetch_\w+|urlopen|urlretrieve|download_\w*url\w*|load_state_dict_from_url")


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imported(path: Path) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((each.name, []) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, [each.name for each in node.names]


def constant(call: ast.Call, name: str) -> object:
    """The value of a keyword argument that is written out; None where it is not."""
    found = [each.value for each in call.keywords if each.arg == name]
    return found[0].value if found and isinstance(found[0], ast.Constant) else None


def test_the_source_is_found() -> None:
    assert len(SOURCES) > 250


def test_no_module_can_unpickle() -> None:
    for path in SOURCES:
        for module, names in imported(path):
            # The name of an exception is no reader.
            assert module.split(".")[0] not in PICKLING or names == ["UnpicklingError"], path
        for name, call in calls(path):
            assert name not in FORBIDDEN | CODE, f"{path}: {name}"
            last = name.rpartition(".")[2]
            if name in ("np.load", "np.save", "np.lib.format.read_array"):
                assert constant(call, "allow_pickle") is False, f"{path}:{call.lineno}"
            elif name == "torch.load":
                assert constant(call, "weights_only") is True, f"{path}:{call.lineno}"
            elif last in ("read_pickle", "to_pickle", "loads") and name != "json.loads":
                pytest.fail(f"{path}:{call.lineno}: {name}")


def test_no_command_of_the_code_goes_through_a_shell() -> None:
    seen = 0
    for path in SOURCES:
        for name, call in calls(path):
            if name.startswith("subprocess."):
                seen += 1
                assert not any(each.arg == "shell" for each in call.keywords), path
                assert not call.args or not isinstance(call.args[0], ast.JoinedStr | ast.Constant)
    assert seen > 3


def test_only_the_source_chain_opens_addresses() -> None:
    chain = ROOT / "src/advlearn/data/sources.py"
    opened = []
    for path in SOURCES:
        for module, names in imported(path):
            full = {module, *(f"{module}.{name}" for name in names)}
            if not full & NETWORK or path == chain:
                continue
            # Of http.client only the name of an exception is used elsewhere.
            assert full & NETWORK == {"http.client"}, f"{path}: {module}"
            text = path.read_text(encoding="utf-8")
            assert set(re.findall(r"http\.client\.(\w+)", text)) == {"HTTPException"}, path
        opened += [
            (path, name) for name, _ in calls(path) if FETCHERS.fullmatch(name.rpartition(".")[2])
        ]
    assert opened == [(chain, "urllib.request.urlopen")]


def test_every_address_has_a_checksum_and_every_known_place_is_named() -> None:
    photos = [one.official for one in COLLECTIONS.values() if one.official]
    weights = [pretrained._dataset(name) for name in ("resnet50", "resnet101")]
    places = (*catalogue.datasets().values(), *photos, *weights)
    known = [file for dataset in places for file in dataset.files]
    assert len(known) == 14 + 4 + 2
    hosts = set()
    for file in known:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256), file.name
        hosts |= {address.split("/")[2] for address in file.official}
    assert hosts == {
        "ossci-datasets.s3.amazonaws.com", "yann.lecun.com", "raw.githubusercontent.com",
        "fashion-mnist.s3-website.eu-central-1.amazonaws.com", "www.cs.toronto.edu",
        "host.robots.ox.ac.uk", "images.cocodataset.org", "download.pytorch.org",
    }  # fmt: skip


# Hostile files.


class Bomb:
    """Unpickled, it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def pickled(bomb: Bomb) -> bytes:
    return pickle.dumps(bomb)


def npy(bomb: Bomb) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([bomb], dtype=object), allow_pickle=True)
    return stream.getvalue()


def npz(bomb: Bomb) -> bytes:
    stream = io.BytesIO()
    bombs = np.array([bomb], dtype=object)
    np.savez(stream, train_images=bombs, points=bombs)
    return stream.getvalue()


def zipped_torch(bomb: Bomb) -> bytes:
    stream = io.BytesIO()
    torch.save({"weight": bomb}, stream)
    return stream.getvalue()


def legacy_torch(bomb: Bomb) -> bytes:
    stream = io.BytesIO()
    torch.save({"weight": bomb}, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def extension_parquet(bomb: Bomb) -> bytes:
    """An extension type whose description old readers unpickled (CVE-2023-47248)."""
    metadata = {
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(bomb),
    }
    field = pa.field("a", pa.int64(), metadata=metadata)
    stream = io.BytesIO()
    pq.write_table(pa.table([pa.array([1])], schema=pa.schema([field])), stream)
    return stream.getvalue()


HOSTILE: tuple[Callable[[Bomb], bytes], ...] = (
    pickled, npy, npz, zipped_torch, legacy_torch, extension_parquet,
)  # fmt: skip


def _prepared(path: Path) -> object:
    """A prepared data set whose arrays are the hostile file."""
    (path.parent / "dataset.json").write_text(
        '{"name": "x", "title": "x", "reference": "x", "licence": "x", "n_classes": 2,'
        ' "n_train": 1, "n_validation": 1, "n_test": 1, "split_seed": 0,'
        ' "shape": [1, 2, 2], "class_names": ["0", "1"]}'
    )
    (path.parent / "splits.csv").write_text("split,source,index\ntrain,train,0\n")
    for name in ("train_images.npy", "train_labels.npy"):
        (path.parent / name).write_bytes(path.read_bytes())
    return store.load_split(path.parent, "train")


def _described(path: Path) -> object:
    (path.parent / "dataset.json").write_bytes(path.read_bytes())
    return load_multilabel(path.parent)


def _weights(path: Path) -> object:
    settings = ImagenetResnetSettings(name="resnet50", weights=path)
    return build(settings, (3, 64, 64), 2)


READERS: dict[str, Callable[[Path], object]] = {
    "file.npy": files.read_npy,
    "mapped.npy": lambda path: files.read_npy(path, mmap=True),
    "file.npz": files.read_npz,
    "points.npz": point_sets.read_points,
    "file.parquet": files.read_parquet,
    "manifest.json": read_manifest,
    "info.json": store.load_info,
    "prepared.npy": _prepared,
    "multilabel.json": _described,
    "own.npz": lambda path: readers._read_arrays(catalogue.get("arrays"), {ARRAYS_FILE: path}),
    "images.idx": lambda path: idx.read_idx(path, 3),
    "batch.bin": lambda path: cifar.read_batches([path]),
    "sprite.png": lambda path: cifar.rebuild_from_sprite(path, path, 0, path.with_suffix(".out")),
    "photo.jpg": lambda path: decode(path, 32, "crop"),
    "own.csv": lambda path: point_sets.make_points(CsvSettings(path=path)),
    "model.safetensors": load_network,
    "weights.pth": _weights,
    "weights.safetensors": _weights,
}
"""Every reader of files, by the name of a file that it takes."""


@pytest.mark.slow
@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", list(READERS))
def test_no_reader_runs_what_a_file_says(
    name: str, make: Callable[[Bomb], bytes], tmp_path: Path
) -> None:
    mark = tmp_path / "it-ran"
    path = tmp_path / name
    path.write_bytes(make(Bomb(mark)))
    if name.endswith(".parquet") and make is extension_parquet:
        # A table of numbers, whatever its description says.
        assert pd.DataFrame(cast("pd.DataFrame", READERS[name](path)))["a"].tolist() == [1]
    else:
        with pytest.raises((UserError, SourceFailure)):
            READERS[name](path)
    assert not mark.exists()


def test_the_bombs_would_go_off(tmp_path: Path) -> None:
    for make in (pickled, npy, npz, zipped_torch, legacy_torch):
        mark = tmp_path / make.__name__
        stream = io.BytesIO(make(Bomb(mark)))
        if make is pickled:
            pickle.load(stream)  # noqa: S301
        elif make in (npy, npz):
            found = np.load(stream, allow_pickle=True)
            assert len(found if make is npy else found["points"]) == 1
        else:
            torch.load(stream, weights_only=False)
        assert mark.is_dir(), make.__name__


# Hostile archives.

OUT = "/tmp/advlearn-escaped"
MEMBERS: dict[str, tuple[str, bytes, str]] = {
    "parent": ("../escaped", tarfile.REGTYPE, ""),
    "parents inside": ("a/../../escaped", tarfile.REGTYPE, ""),
    "absolute": (OUT, tarfile.REGTYPE, ""),
    "symlink out": ("link", tarfile.SYMTYPE, "../secret"),
    "symlink absolute": ("link", tarfile.SYMTYPE, "/etc/passwd"),
    "symlink to a folder": ("a", tarfile.SYMTYPE, ".."),
    "hardlink out": ("link", tarfile.LNKTYPE, "../secret"),
    "hardlink absolute": ("link", tarfile.LNKTYPE, "/etc/passwd"),
    "symlink inside": ("link", tarfile.SYMTYPE, "good"),
    "character device": ("device", tarfile.CHRTYPE, ""),
    "block device": ("device", tarfile.BLKTYPE, ""),
    "pipe": ("pipe", tarfile.FIFOTYPE, ""),
}
"""Kind -> name, type and target of a member of a tar archive that is not to be had."""


def archive(name: str, kind: bytes, target: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as packed:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, target
        entry.size = 4 if kind == tarfile.REGTYPE else 0
        packed.addfile(entry, io.BytesIO(b"evil"))
        # What a link would lead to is written through it.
        through = tarfile.TarInfo(f"{name}/escaped")
        through.size = 4
        packed.addfile(through, io.BytesIO(b"evil"))
    return stream.getvalue()


@pytest.mark.parametrize("kind", list(MEMBERS))
def test_no_tar_archive_reaches_out_of_its_folder(kind: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    folder = tmp_path / "inside"
    folder.mkdir()
    path = tmp_path / "hostile.tar"
    path.write_bytes(archive(*MEMBERS[kind]))
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack_all(path, folder)
    name = MEMBERS[kind][0]
    found = unpack(path, {name, f"{name}/escaped"}, folder)
    # Taken out by name, a member has a name of our own, and links and devices are no members.
    assert all(each.parent == folder and each.name.startswith("member") for each in found.values())
    assert (name in found) == (MEMBERS[kind][1] == tarfile.REGTYPE)
    assert {each.name for each in tmp_path.iterdir()} == {"secret", "inside", "hostile.tar"}
    assert (tmp_path / "secret").read_text() == "mine"
    left = [each for each in folder.rglob("*") if not each.is_dir()]
    assert all(stat.S_ISREG(each.lstat().st_mode) for each in left)
    assert not Path(OUT).exists()


@pytest.mark.parametrize("name", ["../escaped", "a/../../escaped", OUT, "..\\escaped", "C:\\x"])
def test_no_zip_archive_reaches_out_of_its_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("good", "good")
        packed.writestr(zipfile.ZipInfo(name), "evil")
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack_all(path, folder)
    assert {each.name for each in tmp_path.iterdir()} == {"inside", "hostile.zip"}
    assert not Path(OUT).exists()


def test_a_link_in_a_zip_archive_becomes_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "link.zip"
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(entry, "/etc/passwd")
    unpack_all(path, tmp_path)
    assert stat.S_ISREG((tmp_path / "link").lstat().st_mode)
    assert (tmp_path / "link").read_text() == "/etc/passwd"

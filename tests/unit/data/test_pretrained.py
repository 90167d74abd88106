import hashlib
from pathlib import Path

import pytest

from advlearn.data import pretrained
from advlearn.data.pretrained import imagenet_weights
from advlearn.settings.data import SourceSettings
from advlearn.support.errors import UserError
from tests.helpers.server import Server

CONTENT = b"weights"


@pytest.fixture
def tiny_file(monkeypatch: pytest.MonkeyPatch) -> str:
    """A small file under the name of the weights of ResNet-50."""
    name = "resnet50-0676ba61.pth"
    digest = hashlib.sha256(CONTENT).hexdigest()
    monkeypatch.setitem(pretrained._FILES, "resnet50", (name, digest, len(CONTENT)))
    return name


def test_digests_begin_as_the_file_names_end() -> None:
    for name, (file, digest, _) in pretrained._FILES.items():
        assert file == f"{name}-{digest[:8]}.pth"
        assert len(digest) == 64


def test_from_the_official_address_once(
    server: Server, tiny_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "_OFFICIAL", server.url)
    server.pages[f"/{tiny_file}"] = CONTENT
    for _ in range(2):
        path = imagenet_weights("resnet50", SourceSettings(), tmp_path / "cache")
        assert path == tmp_path / "cache" / tiny_file
        assert path.read_bytes() == CONTENT
    assert server.hits == [f"/{tiny_file}"]


def test_from_a_mirror(tiny_file: str, tmp_path: Path) -> None:
    (tmp_path / tiny_file).write_bytes(CONTENT)
    settings = SourceSettings(mirror=tmp_path, root=tmp_path / "photos", sources=("mirror",))
    path = imagenet_weights("resnet50", settings, tmp_path / "cache")
    assert path.read_bytes() == CONTENT


def test_a_wrong_file_is_refused_and_not_left(
    server: Server, tiny_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "_OFFICIAL", server.url)
    server.pages[f"/{tiny_file}"] = b"other"
    with pytest.raises(UserError, match="wrong checksum") as caught:
        imagenet_weights("resnet50", SourceSettings(), tmp_path / "cache")
    assert tiny_file in caught.value.remedy
    assert not (tmp_path / "cache" / tiny_file).exists()

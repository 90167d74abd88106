import subprocess
from pathlib import Path

import pytest

from advlearn.support.provenance import (
    PACKAGES,
    _accelerators,
    lock_digest,
    machine,
    now,
    source,
    versions,
)


def test_lock_digest_follows_pins_not_comments_or_order(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("# lock\na==1\nb==2\n")
    first = lock_digest(lock)
    lock.write_text("b==2  # why\n\na==1\n")
    assert lock_digest(lock) == first
    lock.write_text("a==1\nb==3\n")
    assert lock_digest(lock) != first


def test_missing_lock_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lock_digest(tmp_path / "requirements.txt")


def test_versions_name_every_package_and_null_for_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = versions()
    assert set(PACKAGES) < set(found)
    assert found["torch"] is not None
    monkeypatch.setattr("advlearn.support.provenance.PACKAGES", ("no-such-package-here",))
    assert versions()["no-such-package-here"] is None


def test_machine_and_time() -> None:
    assert machine()["cores"] >= 1
    assert now().endswith("+00:00")


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_commit_of_the_code_and_whether_it_was_changed(tmp_path: Path) -> None:
    unknown = {"commit": None, "changed": None}
    package = tmp_path / "package"
    package.mkdir()
    file = package / "__init__.py"
    file.write_text("")
    assert source(package) == unknown, "no repository"
    git(tmp_path, "init", "--quiet")
    assert source(package) == unknown, "somebody else's repository"
    git(tmp_path, "add", "package")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert source(package) == {"commit": commit, "changed": False}
    (tmp_path / "elsewhere").write_text("")
    assert source(package) == {"commit": commit, "changed": False}
    file.write_text("changed = 1")
    assert source(package) == {"commit": commit, "changed": True}


def test_without_git_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source(tmp_path) == {"commit": None, "changed": None}


def test_accelerators_are_what_the_driver_tells(tmp_path: Path) -> None:
    assert _accelerators(tmp_path / "no driver") is None
    for place in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "information").write_text("Model: \t\t NVIDIA X\nIRQ:   12\n")
    assert _accelerators(tmp_path) == ["NVIDIA X", "NVIDIA X"]

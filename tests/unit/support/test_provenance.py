from pathlib import Path

import pytest

from advlearn.support.provenance import PACKAGES, lock_digest, machine, now, versions


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

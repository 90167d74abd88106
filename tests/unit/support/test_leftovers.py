from pathlib import Path

import pytest

from advlearn.support.io import atomic_path
from advlearn.support.leftovers import remove_leftovers


def test_half_written_files_go_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [
        "table.csv",
        ".table.csv.progress",
        ".images.kept.npy",
        ".a.part",
        "a.12345678.part.npy",
    ]
    (tmp_path / "deep").mkdir()
    for name in kept:
        (tmp_path / "deep" / name).touch()
    # As after SIGKILL: nothing tidies up.
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    for name in ("table.csv", "model.safetensors", "plain"):
        with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "deep" / name):
            raise KeyboardInterrupt
    monkeypatch.undo()
    assert len(list((tmp_path / "deep").iterdir())) == len(kept) + 3
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == sorted(kept)
    remove_leftovers(tmp_path / "nowhere")

from __future__ import annotations

from pathlib import Path

import pandas as pd

from advlearn.report.pictures import inches, picture
from advlearn.report.table import Group, Table
from advlearn.report.writers import html, table_html

ROWS = [["x|y", "1.5"], ["z", "−2.0"]]
TABLE = Table(
    "Title",
    "|S| labels with <b>.",
    pd.DataFrame({"a": [1]}),
    ["a", "b"],
    [Group(name, ROWS) for name in ("one", "two", "three")],
    ["first note", "second note"],
)


def test_a_table_is_its_caption_its_groups_and_its_notes() -> None:
    text = html(TABLE)
    assert "Title" not in text
    # A caption that begins with a bar is still a caption.
    assert text.startswith("<p>|S| labels with &lt;b&gt;.</p>\n")
    assert "<details open><summary>one</summary>" in text
    assert "<details open><summary>two</summary>" in text
    assert "<details><summary>three</summary>" in text
    assert text.count("<td>x|y</td>") == 3
    assert text.count('<td class="number">−2.0</td>') == 3
    assert text.count("<li>") == 2


def test_one_group_without_a_title_does_not_unfold() -> None:
    plain = Table("Title", "Caption.", TABLE.frame, ["a", "b"], [Group("", ROWS)])
    text = html(plain)
    assert "details" not in text
    assert "<li>" not in text


def test_cells_are_escaped() -> None:
    assert "&lt;script&gt;" in table_html(["<script>"], [["a & b"]])


def test_picture(tmp_path: Path) -> None:
    assert picture(tmp_path / "f") is None
    (tmp_path / "f.png").write_bytes(b"png")
    assert picture(tmp_path / "f") == "data:image/png;base64,cG5n"
    (tmp_path / "f.svg").write_bytes(b"<svg/>")
    assert str(picture(tmp_path / "f")).startswith("data:image/svg+xml;base64,")
    (tmp_path / "f.svg").write_bytes(b" " * 800_000)
    assert picture(tmp_path / "f") == "data:image/png;base64,cG5n"


def test_width_of_a_picture(tmp_path: Path) -> None:
    assert inches(tmp_path / "f") is None
    (tmp_path / "f.svg").write_text('<?xml version="1.0"?>\n<svg width="504pt" height="36pt">')
    assert inches(tmp_path / "f") == 7
    (tmp_path / "f.svg").write_text("<svg/>")
    assert inches(tmp_path / "f") is None

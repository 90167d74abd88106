from __future__ import annotations

from pathlib import Path

from advlearn.report.html import markdown_html, markdown_title, picture, table_html

TEXT = """## Title

A caption with <b>.

**one**

| a   |    b |
| --- | ---: |
| x\\|y |  1.5 |

**two**

| a   |    b |
| --- | ---: |
| z   | −2.0 |

**three**

| a   |    b |
| --- | ---: |
| z   | −2.0 |

- first note
- second note
"""


def test_markdown() -> None:
    html = markdown_html(TEXT)
    assert "Title" not in html
    assert markdown_title(TEXT) == "Title"
    assert "<p>A caption with &lt;b&gt;.</p>" in html
    assert "<details open><summary>one</summary>" in html
    assert "<details open><summary>two</summary>" in html
    assert "<details><summary>three</summary>" in html
    assert "<td>x|y</td>" in html
    assert '<td class="number">−2.0</td>' in html
    assert html.count("<li>") == 2


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

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from PIL import Image

from advlearn.report.html import OPEN_ROWS, html, table_html
from advlearn.report.pictures import inches, picture
from advlearn.report.table import Group, Table

ROWS = [["x|y", "1.5"], ["z", "−2.0"]]
TABLE = Table(
    "Title",
    "|S| labels with <b>.",
    pd.DataFrame({"a": [1]}),
    ["a", "b"],
    [Group(name, ROWS) for name in ("one", "two", "three")],
    ["first note", "second note"],
)


def test_a_table_is_its_groups_the_first_of_which_is_open() -> None:
    text = html(TABLE)
    assert '<details open><summary>one <span class="count">2 rows</span></summary>' in text
    assert "<details><summary>two " in text
    assert "<details><summary>three " in text
    assert text.count('<th scope="row">x|y</th>') == 3
    assert text.count(">−2.0</td>") == 3


def test_every_table_has_a_caption_and_names_its_rows() -> None:
    text = html(TABLE)
    assert text.count("<table>") == 3
    for name in ("one", "two", "three"):
        assert f'<caption class="unseen">{name}</caption>' in text
    assert text.count('<th scope="col"') == 3 * 2
    assert text.count('<th scope="row"') == 3 * 2


def test_a_row_without_a_name_has_no_header() -> None:
    assert '<td></td><td class="number"' in table_html("t", (["a", "b"], [["", "1"]]))


def test_one_short_group_without_a_title_does_not_fold() -> None:
    plain = Table("Title", "Caption.", TABLE.frame, ["a", "b"], [Group("", ROWS)])
    text = html(plain)
    assert "details" not in text
    assert '<caption class="unseen">Title</caption>' in text


def test_long_tables_are_folded() -> None:
    rows = [[str(number), "x"] for number in range(OPEN_ROWS + 1)]
    for title in ("", "one"):
        long = Table("Title", "Caption.", TABLE.frame, ["a", "b"], [Group(title, rows)])
        assert f"<details><summary>{title or 'All rows'} " in html(long)


def test_cells_are_escaped() -> None:
    text = table_html("<i>", (["<script>"], [["a & b"]]))
    assert "&lt;script&gt;" in text
    assert "<i>" not in text


def sort_keys(*cells: str) -> list[str]:
    text = table_html("t", (["name", "value"], [["row", cell] for cell in cells]))
    return re.findall(r'<td[^>]* data-sort="([^"]*)"', text)


def test_columns_of_numbers_are_sorted_by_their_first_number() -> None:
    cells = ["−0.5 [−0.7, −0.3]", "+1,234", "< 0.001", "× 2.5 [1, 3]", "3 of 50", "–", "4e−10"]
    keys = [float(key) for key in sort_keys(*cells)]
    assert keys[:5] == [-0.5, 1234, 0.001, 2.5, 3]
    assert keys[5] < -1e12
    assert keys[6] == pytest.approx(4e-10)
    assert not any("e" in key for key in sort_keys(*cells))


def test_a_word_makes_a_column_of_words() -> None:
    assert sort_keys("1", "two") == []
    assert sort_keys("–", "–") == []
    assert 'data-sort-method="number"' not in table_html("t", (["a"], [["0x"], ["k-means"]]))


def test_a_table_that_is_too_wide_for_the_page_is_turned() -> None:
    narrow, wide = ["1.234"] * 20, ["0.123 [0.100, 0.200]"] * 8
    assert ' wide"' not in table_html("t", (narrow, [narrow]))
    assert ' wide"' in table_html("t", (wide, [wide]))
    # Cells that are broken into lines need no room.
    assert ' wide"' not in table_html("t", (wide, [wide]), wrap=True)


def test_a_drawing_is_kept_as_text_without_digits_that_nobody_sees(tmp_path: Path) -> None:
    assert picture(tmp_path / "f") is None
    (tmp_path / "f.svg").write_text(
        '<?xml version="1.0"?>\n<svg a="#1">\n <g transform="scale(0.015625)"/>'
        ' <path d="M 1.23456 -7.891"/></svg>'
    )
    address = str(picture(tmp_path / "f"))
    assert address.startswith("data:image/svg+xml,%3Csvg a=%22%231%22")
    assert unquote(address.partition(",")[2]) == (
        '<svg a="#1"><g transform="scale(0.015625)"/><path d="M 1.23 -7.89"/></svg>'
    )


def test_pixels_stand_for_a_large_drawing(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), "red").save(tmp_path / "f.png")
    alone = str(picture(tmp_path / "f"))
    assert alone.startswith("data:image/webp;base64,")
    with Image.open(io.BytesIO(base64.b64decode(alone.partition(",")[2]))) as seen:
        assert seen.size == (3, 2)
        assert seen.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
    (tmp_path / "f.svg").write_text("<svg/>")
    assert str(picture(tmp_path / "f")).startswith("data:image/svg+xml,")
    (tmp_path / "f.svg").write_text(f"<svg><path d='{'M' * 400_000}'/></svg>")
    assert picture(tmp_path / "f") == alone


def test_width_of_a_picture(tmp_path: Path) -> None:
    assert inches(tmp_path / "f") is None
    (tmp_path / "f.svg").write_text('<?xml version="1.0"?>\n<svg width="504pt" height="36pt">')
    assert inches(tmp_path / "f") == 7
    (tmp_path / "f.svg").write_text("<svg/>")
    assert inches(tmp_path / "f") is None

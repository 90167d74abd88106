"""Names that users chose are text in every output: nothing in them is a command."""

from __future__ import annotations

import io
import re
import warnings
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from advlearn.report.html import html
from advlearn.report.labels import LONGEST, Labels
from advlearn.report.panels import grid, label_sides, legend, legend_entries
from advlearn.report.style import figure_style, save_figure
from advlearn.report.table import Group, Table
from advlearn.report.writers import (
    escape_latex,
    escape_markdown,
    latex,
    markdown,
    plain_text,
    write_table,
)
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, write_csv
from advlearn.support.text import check_printable, shown
from tests.helpers.readable import assert_texts_apart

HOSTILE = [
    "5$%$", "$x_$ y", "$", "$$", r"\$a$", r"\frac{1}{2}", "{x}", "{0.__class__}", "%s %(a)s", "%",
    "-rf", "=1+1", "+1", "@a", "a|b", r"a\|b", "*b*", "_b_", "`code`", "<script>alert(1)</script>",
    "<!-- x -->", "&amp;", "[a](http://b)", "[a]: b", "![a](b)", "~~a~~", "a--b", "``q''", "[0.1]",
    "*", "#1 & 2^3~", "new\nline", "tab\tand\rreturn", "\x1b[31mred", "猫", "🐈", "שלום",
    "\u202eabc",     "a\u0301", "\ufeff", "x" * 200, "", " ", "nan", "None", "NA",
]  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(HOSTILE)


def table_of(names: list[str]) -> Table:
    rows = [[name, "0.5"] for name in names]
    frame = pd.DataFrame({"name": names, "value": [0.5] * len(names)})
    return Table(names[0], names[0], frame, ["name", names[0]], [Group(names[0], rows)], [names[0]])


@given(st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_csv_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    # An empty cell is a missing one; the names of classes follow a word of ours.
    names = [f"class_ap:{name}" for name in names]
    write_csv(path, table_of(names).frame)
    assert read_csv(path)["name"].tolist() == names


@given(TEXTS)
@settings(max_examples=300)
def test_latex_has_balanced_braces_and_no_bare_special(name: str) -> None:
    text = escape_latex(name)
    assert shown(name).isprintable() or not name.isprintable()
    bare = re.sub(r"\\(?:[&%$#_{}]|text[a-z]+\{\"?\})", "", text)
    bare = re.sub(r"\$(?:-|\^2|\\[A-Za-z]+)\$", "", bare)  # signs of ours
    depth = 0
    for brace in re.findall(r"[{}]", bare):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert not re.search(r"[\\&%$#_~^`\"\n\r]", bare)
    assert not re.search(r"--|``|''", bare.replace("–", "")) or "–" in name


@given(st.lists(TEXTS, min_size=1, max_size=3))
@settings(max_examples=100)
def test_no_row_of_latex_begins_with_an_argument(names: list[str]) -> None:
    lines = latex(table_of(names), "label").splitlines()
    assert not [line for line in lines if line.lstrip().startswith(("[", "*"))]
    rows = [line for line in lines if line.endswith(r"& 0.5 \\")]
    assert len(rows) == len(names)


@pytest.mark.parametrize("name", ["a|b", "||", "`x`", '"q"', "a | b"])
def test_signs_that_latex_fonts_lack_are_named(name: str) -> None:
    """In the default encoding of fonts they would be dashes and curly quotes."""
    row = next(line for line in latex(table_of([name]), "label").splitlines() if "0.5" in line)
    assert not re.search(r"[|`]|(?<!texttt\{)\"", row)
    assert row.count(r"\textbar{}") == name.count("|")


LINES = [
    *HOSTILE, "1. a", "12) a", "# a", "###### a", "- a", "+ a", "+", "> a", ">a", "---", "===",
    "- - -", "| a", "    code", "http://a.b/c", "a <b>", "![", "[^1]", "a\\", "\\|", "``a`b``",
]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in LINES if name.strip() and name.isprintable()])
def test_a_reader_of_markdown_shows_the_name_everywhere(name: str) -> None:
    reader = MarkdownIt("gfm-like", {"linkify": False})
    page = reader.render(markdown(table_of([name])))
    places = r"<h2>(.*?)</h2>\s*<p>(.*?)</p>.*?<td[^>]*>(.*?)</td>.*?<li>(.*?)</li>"
    (found,) = re.findall(places, page, flags=re.DOTALL)
    assert {unescape(text) for text in found} == {name.strip()}


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["| a"])
@example(["| "])
@settings(max_examples=150)
def test_markdown_has_the_same_cells_in_every_row(names: list[str]) -> None:
    lines = markdown(table_of(names)).split("\n")
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == len(names) + 2
    for row in rows:
        # A bar after an even number of backslashes ends a cell.
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 3


@given(TEXTS)
@settings(max_examples=300)
def test_markdown_marks_are_escaped_and_nothing_else_changes(name: str) -> None:
    text = escape_markdown(name)
    assert re.sub(r"\\([\\*`~$_<&\]])", r"\1", text) == shown(name)
    assert not re.search(r"(?<!\\)(?:\\\\)*(?:[*`~$]|<[A-Za-z/!?]|\]\()", text)


@pytest.mark.parametrize(
    "ours", ["n_clusters", "0.5 [0.4, 0.6] (0.7)", "n < 10", "|S| = 2", "a & b"]
)
def test_text_of_ours_needs_no_escape_in_markdown(ours: str) -> None:
    assert escape_markdown(ours) == ours


class Cells(HTMLParser):
    """The text of the cells of a table, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._cell = tag == "td" or (tag == "th" and ("scope", "row") in attrs)
        if self._cell:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if getattr(self, "_cell", False):
            self.cells[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._cell = False


@given(st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=150)
def test_html_parses_back_to_the_text(names: list[str]) -> None:
    parser = Cells()
    parser.feed(html(table_of(names)))
    parser.close()
    assert parser.cells[::2] == [shown(name) for name in names]
    assert parser.tags <= set("details summary span div table caption thead tbody tr th td".split())


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_a_terminal_gets_one_line_a_row_and_no_control(names: list[str]) -> None:
    text = plain_text(names[0], (["name"], [[name] for name in names]), names)
    lines = text.split("\n")
    assert len(lines) == 2 + 2 + len(names) + 1 + len(names) + 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


@given(TEXTS)
def test_what_is_printable_is_shown_as_it_is(name: str) -> None:
    assert len(shown(name)) == len(name)
    if name.isprintable():
        assert shown(name) == name
    assert len(shown(name, 9)) <= 9


def drawn(name: str, folder: Path) -> list[Path]:
    """A small figure with a name wherever the figures of the studies have names."""
    with figure_style():
        figure, panels = grid(1, 2, height=1.0, head=0.4)
        label_sides(
            figure, panels, titles=[shown(name, LONGEST)] * 2, rows=[Labels({}).short(name)]
        )
        panels[0, 1].set_xticks([0, 1], [shown(name, LONGEST)] * 2)
        panels[0, 0].text(0.1, 0.5, shown(name, 12), fontweight="bold")
        legend(figure, legend_entries([Labels({}).look(name)]))
        return save_figure(figure, folder / "f")


@pytest.mark.slow
@given(TEXTS)
@settings(max_examples=5, deadline=None)
def test_a_figure_draws_any_name(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    pdf, svg, png = drawn(name, tmp_path_factory.mktemp("figure"))
    ElementTree.parse(svg)
    assert pdf.read_bytes().startswith(b"%PDF")
    assert png.stat().st_size > 0


@pytest.mark.parametrize("name", [name for name in HOSTILE if "$" in name or "\\" in name])
def test_a_dollar_is_drawn_as_a_dollar(name: str, tmp_path: Path) -> None:
    with figure_style():
        figure, panels = grid(1, 1, height=1.0, head=0.4)
        text = panels[0, 0].text(0, 0, name)
        save_figure(figure, tmp_path / "f")
        assert text._preprocess_math(name) == (name, False)


def test_missing_glyphs_are_one_line_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    with figure_style():
        for number in range(2):
            figure, panels = grid(1, 1, height=1.0, head=0.4)
            panels[0, 0].set_title("猫 🐈 猫 cat")
            save_figure(figure, tmp_path / f"{number}")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "DejaVu Sans, has no 猫 🐈" in said
    assert not [one for one in recwarn if "Glyph" in str(one.message)]


def test_other_warnings_are_still_given(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="another"), figure_style():
        warnings.warn("another", UserWarning, stacklevel=1)


def test_long_names_leave_room_for_the_panels(tmp_path: Path) -> None:
    with figure_style():
        figure, panels = grid(1, 2, height=1.0, head=0.5)
        label_sides(figure, panels, titles=[shown("n" * 200, LONGEST)] * 2)
        legend(figure, legend_entries([Labels({}).look("a_long_name_" * 17)] * 2), 2)
        assert_texts_apart(figure)
        figure.savefig(io.BytesIO(), format="svg")
        assert panels[0, 0].get_position().width > 0.3


def test_files_of_a_table_with_hostile_names(tmp_path: Path) -> None:
    for number, name in enumerate(HOSTILE):
        write_table(table_of([name, "other"]), tmp_path / f"t{number}")
    assert len(list(tmp_path.iterdir())) == 3 * len(HOSTILE)


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\x7f", "\x9b", "\ud800", "\u202e", "\uffff"]
)
def test_characters_that_no_output_can_hold_are_refused_at_the_door(character: str) -> None:
    with pytest.raises(UserError, match="class name 1 has the control character") as caught:
        check_printable(("good", f"b{character}d"), "class name", where="a.npz")
    assert caught.value.where == "a.npz"
    assert str(caught.value).isascii()


def test_names_that_are_borne() -> None:
    check_printable(
        ("tab\t", "line\n", "猫", "🐈\u200d🐈", "שלום", "\ufffd", ""), "class", where=""
    )

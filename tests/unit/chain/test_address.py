from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.chain.address import Address, find_cell, parse
from advlearn.support.errors import UserError

TABLES = ["study_table1", "study_table2", "study_alpha"]
FIGURES = ["study_alpha", "study_curve"]
KEYS = ["attack", "n_clusters", "setting", "metric", "empty_in_this_run"]
CSV = """attack,n_clusters,setting,metric,mean,n
fgsm,1,"eps=0.5,min=3",clean_accuracy,0.9,5
fgsm,1,"eps=0.5,min=3",adversarial_accuracy,0.2,5
fgsm,12,"eps=0.5,min=3",clean_accuracy,0.8,5
pgd,1,,clean_accuracy,0.7,4
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("study_table1", Address("tables", "study_table1")),
        ("table1", Address("tables", "study_table1")),
        ("curve", Address("figures", "study_curve")),
        ("figures/study_alpha", Address("figures", "study_alpha")),
        ("study_alpha.png", Address("figures", "study_alpha")),
        ("study_alpha.tex", Address("tables", "study_alpha")),
        ("study_alpha:fgsm, n", Address("tables", "study_alpha", ("fgsm", "n"))),
        (
            "results/a run/paper/tables/study_table2.csv:x",
            Address("tables", "study_table2", ("x",), Path("results/a run")),
        ),
        (
            'study_table1:"eps=0.5,min=3",mean',
            Address("tables", "study_table1", ("eps=0.5,min=3", "mean")),
        ),
    ],
)
def test_names_as_a_reader_writes_them(text: str, address: Address) -> None:
    assert parse(text, TABLES, FIGURES) == address


@pytest.mark.parametrize(
    ("text", "what", "listed"),
    [
        ("", "no table or figure", "tables/study_table2"),
        ("nonsense", "no table or figure", "figures/study_curve"),
        ("table", "more than one", "tables/study_table1, tables/study_table2"),
        ("study_alpha", "more than one", "tables/study_alpha, figures/study_alpha"),
        ("curve:1", "no table or figure", "tables/study_table1"),
    ],
)
def test_a_wrong_name_lists_the_valid_ones(text: str, what: str, listed: str) -> None:
    with pytest.raises(UserError, match=what) as caught:
        parse(text, TABLES, FIGURES)
    assert listed in caught.value.remedy


@pytest.mark.parametrize(
    ("words", "line", "column", "text"),
    [
        (["pgd"], 5, "mean", "0.7"),
        (["PGD", "n"], 5, "n", "4"),
        (["n_clusters=12"], 4, "mean", "0.8"),
        (["12.0"], 4, "mean", "0.8"),
        (["fgsm", "n_clusters=1", "adv"], 3, "mean", "0.2"),
        (["eps=0.5,min=3", "adversarial_accuracy"], 3, "mean", "0.2"),
        (["setting="], 5, "mean", "0.7"),
        (["line=3", "n"], 3, "n", "5"),
    ],
)
def test_words_choose_one_number(
    table: Path, words: list[str], line: int, column: str, text: str
) -> None:
    cell = find_cell(table, KEYS, words)
    assert (cell.line, cell.column, cell.text) == (line, column, text)
    assert table.read_text(encoding="utf-8").splitlines()[line - 1].startswith(cell.keys["attack"])
    assert list(cell.keys) == KEYS[:4]


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        (["1"], "names 3 lines", "attack=fgsm|pgd"),
        (["fgsm", "n_clusters=1"], "names 2 lines", "metric=clean_accuracy|adversarial_accuracy"),
        (["fgsm", "deepfool"], "'deepfool' is in no line", "or a column: mean, n"),
        (["pgd", "n_clusters=12"], "'n_clusters=12' is in no line", "n_clusters=1"),
        (["line=1"], "'line=1' is in no line", "line=N"),
        (["line=6"], "'line=6' is in no line", "line=N"),
        ([""], "'' is in no line", "attack=fgsm|pgd"),
    ],
)
def test_words_that_choose_none_or_several_are_told_what_there_is(
    table: Path, words: list[str], what: str, remedy: str
) -> None:
    # An empty word would be in every value, and the setting of the last line is empty.
    keys = [name for name in KEYS if words != [""] or name != "setting"]
    with pytest.raises(UserError, match=what) as caught:
        find_cell(table, keys, words)
    assert remedy in caught.value.remedy


def test_a_table_without_means_asks_for_a_column(table: Path) -> None:
    table.write_text(CSV.replace(",mean,", ",low,"), encoding="utf-8")
    assert find_cell(table, KEYS, ["pgd", "low"]).text == "0.7"
    with pytest.raises(UserError, match="no column") as caught:
        find_cell(table, KEYS, ["pgd"])
    assert "low, n" in caught.value.remedy

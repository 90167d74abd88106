from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from advlearn.data.table_head import check_table
from advlearn.settings.points import CsvSettings
from advlearn.support.errors import UserError

ROWS = "1,2,a\n3,4,b\n5,6,a\n"
GOOD = f"x,y,kind\n{ROWS}"


def check(path: Path, text: str | bytes, **settings: Any) -> None:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    check_table(CsvSettings(path=path, **settings), "bilevel.datasets.mine")


@pytest.mark.parametrize(
    "text", [GOOD, f"\ufeff{GOOD}", GOOD.replace("\n", "\r\n"), f'"x", y , "kind"\n{ROWS}']
)
def test_a_good_table_passes(tmp_path: Path, text: str) -> None:
    check(tmp_path / "mine.csv", text, label="kind", points=3)
    check(tmp_path / "mine.csv", text)


BAD: dict[str, tuple[str | bytes, dict[str, Any], str, str]] = {
    "semicolons": (GOOD.replace(",", ";"), {}, "separated by a semicolon", "path"),
    "tabs": (GOOD.replace(",", "\t"), {"label": "kind"}, "separated by a tab", "path"),
    "no such column": (GOOD, {"label": "knid"}, "'knid'; did you mean 'kind'?", "label"),
    "classes alone": ("kind\na\nb\nc\n", {"label": "kind"}, "no column of numbers", "path"),
    "empty": ("", {}, "is empty", "path"),
    "blank": ("\n\n", {}, "is empty", "path"),
    "a header alone": ("x,y\n", {}, "has 0 rows", "path"),
    "too few rows": ("x,y\n1,2\n3,4\n", {}, "has 2 rows", "path"),
    "more points than rows": (GOOD, {"points": 4}, "4 points are asked for", "points"),
    "another encoding": ("größe,y\n1,2\n".encode("latin-1"), {}, "cannot be read", "path"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_head_is_refused_with_its_key(tmp_path: Path, case: str) -> None:
    text, settings, said, key = BAD[case]
    with pytest.raises(UserError) as caught:
        check(tmp_path / "mine.csv", text, **settings)
    assert said in str(caught.value)
    assert f"'bilevel.datasets.mine.{key}'" in caught.value.where
    assert str(tmp_path / "mine.csv") in caught.value.where


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        check_table(CsvSettings(path=tmp_path / name), "bilevel.datasets.mine")

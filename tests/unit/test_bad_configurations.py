"""Every kind of bad configuration is refused before any job, by what, where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.plan import Plan
from advlearn.support.errors import UserError
from tests.helpers.bad_configurations import BAD
from tests.helpers.configuration import ROOT, smoke_plan


def test_as_many_kinds_stay_covered() -> None:
    assert len(BAD) >= 70


@pytest.mark.parametrize("case", BAD)
def test_what_where_and_what_to_do(case: str) -> None:
    bad = BAD[case]
    with pytest.raises(UserError) as caught:
        smoke_plan(**bad.change)
    error = caught.value
    text = str(error)
    for said in (bad.key, *bad.said):
        assert said in text, f"{said!r} is not in:\n{text}"
    # A bare name of a key would leave the reader to find out which of many it is.
    assert f"'{bad.key}'" in error.where + error.remedy or f"{bad.key}:" in error.what, text
    assert "configuration" in error.where + error.what or "key '" in error.where, text
    assert error.remedy.strip()
    assert error.remedy not in error.what
    assert text == f"{error.what}\n  where:  {error.where}\n  remedy: {error.remedy}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds: [0]\nrun: a\nseeds: [1]\n", "seeds is given twice, in lines 1 and 3"),
        (
            "selective:\n  primary: a\n  primary: b\n",
            "selective.primary is given twice, in lines 2 and 3",
        ),
        ("topk: {k: [1], k: [2]}\n", "topk.k is given twice, in lines 1 and 1"),
        ("grid:\n  - a: 1\n    a: 2\n", "grid.0.a is given twice, in lines 2 and 3"),
        ('a: 1\n"a": 2\n', "a is given twice, in lines 1 and 2"),
        ("a: 1\nb: 1\nb: 2\na: 2\n", "a is given twice, in lines 1 and 4; b is given twice"),
    ],
)
def test_a_key_given_twice_is_refused_with_its_lines(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        Plan({}, [path], ROOT / "requirements.txt")
    assert said in caught.value.what
    assert caught.value.where == str(path)

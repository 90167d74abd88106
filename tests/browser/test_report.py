"""The report as a reader meets it: at a desk and on a phone, light and dark, and on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import look_at

ALL = ("desk light", "desk dark", "phone light")


@pytest.mark.parametrize("size", ALL)
def test_opens_without_an_error_and_asks_for_nothing(seen: dict[str, Any], size: str) -> None:
    assert seen[size]["errors"] == []
    assert seen[size]["asked_for"] == []


@pytest.mark.parametrize("size", ALL)
def test_never_scrolls_sideways_and_shows_every_image(seen: dict[str, Any], size: str) -> None:
    assert max(seen[size]["scrolls_by"]) <= 0
    assert seen[size]["broken_images"] == []


@pytest.mark.parametrize("size", ALL)
def test_no_serious_barrier(seen: dict[str, Any], size: str) -> None:
    assert seen[size]["violations"] == []


@pytest.fixture(scope="session")
def used(seen: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = seen["desk light"]
    return found


def test_tables_are_sorted_by_mouse_and_by_keyboard(used: dict[str, Any]) -> None:
    rising, falling = used["orders"]
    assert len(set(rising)) > 2
    assert rising == sorted(rising)
    assert falling == sorted(rising, reverse=True)


def test_rows_are_filtered(used: dict[str, Any]) -> None:
    whole, none = used["filter"]
    assert whole >= 10
    assert none == 0


def test_data_are_saved_as_csv(used: dict[str, Any]) -> None:
    name, text = used["csv"]
    assert name == "selective_claims.csv"
    assert text.startswith("family,claim,words")


def test_contents_show_where_one_is(used: dict[str, Any]) -> None:
    wanted, shown = used["contents"]
    assert shown == wanted


def test_paper_has_every_fold_open_and_no_table_cut(used: dict[str, Any]) -> None:
    closed, printed, after = used["folds"]
    assert closed > 10
    assert printed == 0
    assert after == closed
    assert used["cut"] == []


def test_what_is_wrong_is_seen(page: Path, tmp_path: Path) -> None:
    """The look itself: a broken picture, a wide block, an error, a button without a name."""
    text = page.read_text(encoding="utf-8")
    spoiled = tmp_path / "report.html"
    wrong = (
        '<img src="data:image/png;base64,AA" alt="broken"><p style="width: 200vw">wide</p>'
        '<button></button><script>throw new Error("told")</script></main>'
    )
    spoiled.write_text(text.replace("</main>", wrong), encoding="utf-8")
    found = look_at(spoiled, "phone light")["phone light"]
    assert found["broken_images"] == ["broken"]
    assert max(found["scrolls_by"]) > 0
    assert any("told" in each for each in found["errors"])
    assert any("button-name" in each for each in found["violations"])

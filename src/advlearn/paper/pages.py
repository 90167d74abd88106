"""One part of the report a study. A new study is a new module and its line here."""

from __future__ import annotations

from collections.abc import Callable

from advlearn.paper import (
    bilevel_page,
    bilevel_verdict,
    selective_page,
    topk_page,
    topk_verdict,
    verdict,
)
from advlearn.paper.page import Page
from advlearn.paper.tidy import Tidy

PAGES: dict[str, Callable[[Tidy], Page]] = {
    "selective": selective_page.page,
    "topk": topk_page.page,
    "bilevel": bilevel_page.page,
}
"""Study name -> its part of the report, in the order of the papers."""

HEADLINES: dict[str, Callable[[Tidy], str]] = {
    "selective": verdict.headline,
    "topk": topk_verdict.headline,
    "bilevel": bilevel_verdict.headline,
}
"""Study name -> its headline for a terminal."""

"""What a page becomes on the site."""

from __future__ import annotations

from scripts.site import (
    on_page_content,
    outside_images,
    with_site_images,
    without_outside_links,
)


def test_a_link_out_of_docs_becomes_text_with_its_path() -> None:
    text = "[code](../../src/a.py#L3), [page](topk.md#x), [web](https://x), ![image](../../a.svg)"
    assert without_outside_links(text, "studies/bilevel.md") == (
        "code (`src/a.py`), [page](topk.md#x), [web](https://x), ![image](../../a.svg)"
    )
    same = "[`CONTRIBUTING.md`](../CONTRIBUTING.md)"
    assert without_outside_links(same, "trust.md") == "`CONTRIBUTING.md`"


def test_an_image_out_of_docs_is_taken_from_the_site() -> None:
    text = '<img src="../../results/reference/a.png" width="420"> <img src="../speed.svg">'
    assert outside_images(text, "studies/topk.md") == {"results/reference/a.png"}
    assert with_site_images(text, "studies/topk.md") == (
        '<img src="../figures/a.png" width="420"> <img src="../speed.svg">'
    )
    assert with_site_images('<img src="../b.png">', "trust.md") == '<img src="figures/b.png">'
    assert outside_images('<img src="https://x/y.png">', "trust.md") == set()


def test_roles_of_docstrings_become_code() -> None:
    html = "as in :class:<code>~advlearn.api.images.PGD</code>, <code>x</code>"
    assert on_page_content(html) == "as in <code>PGD</code>, <code>x</code>"

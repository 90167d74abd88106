"""Opens a report in a headless Chromium and prints what a reader would notice, as JSON.

Run by the Python of .venv-tools, which has what drives the browser; the tests read what it prints.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

VIEWS = {
    "desk light": (1400, 900),
    "desk dark": (1400, 900),
    "phone light": (390, 844),
}
"""Size of the window in CSS pixels, by its name; the name ends with the reader's colours."""
_PAPER = 688  # CSS pixels of an A4 page between its margins
_TURNED = 1032
_SERIOUS = ("serious", "critical")

_SCROLLS = "document.documentElement.scrollWidth - window.innerWidth"
_IMAGES = """() => Array.from(document.images)
    .filter((image) => !image.complete || !image.naturalWidth)
    .map((image) => image.alt)"""
_FIRST_COLUMN_OF_NUMBERS = "th[data-sort-method=number]"
_SORTED = """(heading) => {
    const rows = Array.from(heading.closest("table").tBodies[0].rows);
    return rows.map((row) => Number(row.cells[heading.cellIndex].dataset.sort));
}"""
_CURRENT = """(id) => {
    document.getElementById(id).scrollIntoView();
    return new Promise((resolve) => setTimeout(() =>
        resolve(document.querySelector("nav [aria-current]").hash.slice(1)), 200));
}"""
_CUT = """() => Array.from(document.querySelectorAll("main table"))
    .map((table) => [table, table.closest(".listing:has(.wide)") ? TURNED : PAPER])
    .filter(([table, width]) => table.getBoundingClientRect().width > width + 1)
    .map(([table]) => table.caption.textContent)"""
_CLOSED = "() => document.querySelectorAll('main details:not([open]):not(.made)').length"


def main() -> None:
    """Look at the page of the first argument; Chromium is the second, views are the others."""
    page, chromium, *views = sys.argv[1:]
    found: dict[str, Any] = {}
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        for name in views or VIEWS:
            width, height = VIEWS[name]
            tab = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if name.endswith("dark") else "light",
                accept_downloads=True,
            )
            found[name] = _look(tab, Path(page).resolve().as_uri(), name == "desk light")
            tab.close()
        browser.close()
    json.dump(found, sys.stdout)


def _look(tab: Page, address: str, everything: bool) -> dict[str, Any]:
    errors: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(address)
    broken = tab.evaluate(_IMAGES)
    wide = tab.evaluate(_SCROLLS)
    # Colours and names of what is folded count as well.
    tab.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    axe = Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    found = {
        "scrolls_by": [wide, tab.evaluate(_SCROLLS)],
        "broken_images": broken,
        "violations": [
            f"{each['id']}: {each['nodes'][0]['html'][:200]}"
            for each in axe
            if each["impact"] in _SERIOUS
        ],
    }
    if everything:
        tab.reload()
        found |= _use(tab)
    return {
        **found,
        "errors": errors,
        "asked_for": [url for url in asked if not url.startswith(("data:", "blob:", address))],
    }


def _use(tab: Page) -> dict[str, Any]:
    """What a reader does: sort, filter, save, follow the contents, print."""
    heading = tab.locator(_FIRST_COLUMN_OF_NUMBERS).locator("visible=true").first
    orders = []
    for key in ("click", "Enter"):
        heading.click() if key == "click" else heading.press(key)
        orders.append(heading.evaluate(_SORTED))
    field = tab.locator(".filter input").first
    rows = field.locator("xpath=ancestor::article").locator("tbody tr")
    whole = rows.count()
    field.fill("no row has these words")
    none = rows.locator("visible=true").count()
    field.fill("")
    link = tab.locator("a.data").first
    with tab.expect_download() as saved:
        link.click()
    csv = Path(saved.value.path()).read_text(encoding="utf-8")
    places = tab.locator("nav a").evaluate_all("(links) => links.map((a) => a.hash.slice(1))")
    wanted = [place for place in places if place.startswith(("table-", "figure-"))][2]
    shown = tab.evaluate(_CURRENT, wanted)
    closed = tab.evaluate(_CLOSED)
    tab.emulate_media(media="print")
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    still_closed = tab.evaluate(_CLOSED)
    tab.set_viewport_size({"width": _PAPER, "height": 900})
    cut = tab.evaluate(_CUT.replace("TURNED", str(_TURNED)).replace("PAPER", str(_PAPER)))
    tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
    return {
        "orders": orders,
        "filter": [whole, none],
        "csv": [saved.value.suggested_filename, csv[:200]],
        "contents": [wanted, shown],
        "folds": [closed, still_closed, tab.evaluate(_CLOSED)],
        "cut": cut,
    }


if __name__ == "__main__":
    main()

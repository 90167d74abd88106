"""The report as one HTML file: nothing of it comes from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import count
from typing import Any, NamedTuple

import jinja2

from advlearn.report import resources
from advlearn.report.answers import Answer
from advlearn.report.downloads import csv_address
from advlearn.report.glossary import TIDY, Glossary, anchor
from advlearn.report.html import folded, html, table_html
from advlearn.report.page import Page, Rows, Sheet
from advlearn.report.pieces import FigurePiece, TablePiece

_ROOT = "../../"
"""The project's folder as seen from results/RUN, where the page lies."""
_OF_THE_PAPER = re.compile(r"^((?:Table|Figure) \d+): ")
_SCRIPTS = ("tablesort.min.js", "tablesort.number.min.js", "report.js")
_STYLES = ("report.css",)


class Drawing(NamedTuple):
    """A figure of the report.

    Attributes:
        name: its name.
        title: one line.
        caption: what stands below it.
        picture: data address.
        inches: width at which it is drawn; none where that is not known.
        shown: what is seen in it.
        module: module that draws it.
    """

    name: str
    title: str
    caption: str
    picture: str
    inches: float | None
    shown: FigurePiece
    module: str


class Listing(NamedTuple):
    """A table of the report with its name and the module that builds it."""

    name: str
    table: TablePiece
    module: str


class Part(NamedTuple):
    """What the report has of one study; without an answer its first sentence stands for it."""

    page: Page
    answer: Answer | None
    tables: Sequence[Listing]
    figures: Sequence[Drawing]


def document(parts: Sequence[Part], title: str, record: Rows, times: Rows) -> str:
    """The report of one or several studies.

    Args:
        parts: the studies in their order, at least one.
        title: heading.
        record: what the run was made with, as header and rows.
        times: where its time went, as header and rows.
    """
    glossary = Glossary(
        {"tidy": TIDY, **{k: v for part in parts for k, v in part.page.terms.items()}}
    )
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(resources.__name__, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        marked=glossary.marked,
        sheet=_sheet,
        table=table_html,
        fold=_folded,
        address=_address,
        anchor=anchor,
    )
    tables, figures = count(1), count(1)
    rendered: str = environment.get_template("report.html.j2").render(
        title=title,
        run=parts[0].page.run,
        studies=[
            {
                "page": part.page,
                "answer": part.answer,
                "first": _first(part),
                "tables": [_table(each, part.page, next(tables)) for each in part.tables],
                "figures": [_figure(each, part.page, next(figures)) for each in part.figures],
            }
            for part in parts
        ],
        terms=glossary.terms,
        times=table_html("Where the time went", times),
        record=_folded("Everything that the run was made with", record, wrap=True),
        styles="\n".join(map(_resource, _STYLES)),
        scripts=[_resource(name) for name in _SCRIPTS],
        licence=_resource("tablesort.licence.txt"),
    )
    return rendered


def _first(part: Part) -> Drawing | None:
    """The figure of the first screen."""
    named = [each for each in part.figures if each.name == part.page.picture]
    return next(iter([*named, *part.figures]), None)


def _table(listing: Listing, page: Page, number: int) -> Mapping[str, Any]:
    table = listing.table
    return {
        "name": listing.name,
        "number": number,
        "title": _titled(table.title),
        "caption": table.caption,
        "html": html(table),
        "rows": sum(len(group.rows) for group in table.groups),
        "notes": table.notes,
        "data": csv_address(table.data),
        "module": listing.module,
        "commands": _commands("tables", listing.name, page),
    }


def _figure(drawing: Drawing, page: Page, number: int) -> Mapping[str, Any]:
    shown = drawing.shown
    return {
        **drawing._asdict(),
        "alternative": f"{drawing.title}. {shown.words}",
        "number": number,
        "title": _titled(drawing.title),
        "data": csv_address(shown.data) if shown.marks else "",
        "marks": shown.marks,
        "commands": _commands("figures", drawing.name, page),
    }


def _titled(title: str) -> str:
    """Titles that name a table or figure of the paper say so: those here have other numbers."""
    return _OF_THE_PAPER.sub(r"\1 of the paper: ", title)


def _commands(kind: str, name: str, page: Page) -> list[str]:
    """Commands from the project's folder: make it again, and see everything that is behind it."""
    run, advlearn = f"results/{page.run}", "python -m advlearn"
    return [
        f"{advlearn} {kind} --study {page.study} --tidy {run}/tidy --out {run}/paper/{kind}",
        f"{advlearn} explain {name} --run {run}",
    ]


def _sheet(sheet: Sheet) -> str:
    return _folded(*sheet)


def _folded(caption: str, rows: Rows, wrap: bool = False) -> str:
    return folded(caption, table_html(caption, rows, wrap=wrap), len(rows[1]))


def _address(address: str) -> str:
    return address if address.startswith("https://") else _ROOT + address


def _resource(name: str) -> str:
    return files(resources).joinpath(name).read_text(encoding="utf-8")

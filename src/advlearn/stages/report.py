"""Stage report: one self-contained HTML page with everything a reader needs to judge a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import jinja2
import typer

from advlearn.report import resources, sections
from advlearn.report.captions import FOLDER, caption
from advlearn.report.page import Page
from advlearn.report.pictures import inches, picture
from advlearn.report.table import Table
from advlearn.report.timing import rows_of_record
from advlearn.report.writers import html as table_as_html
from advlearn.report.writers import table_html
from advlearn.stages.tidy_folder import PUBLISHED, chosen_studies, open_tidy
from advlearn.support.errors import UserError
from advlearn.support.io import read_json, write_text


def report(
    *,
    tidy: Annotated[Path, typer.Option(help="folder of the tidy tables")],
    figures: Annotated[Path, typer.Option(help="folder of the figures stage")],
    out: Annotated[Path, typer.Option(help="report.html to write")],
    choices: Annotated[Path, typer.Option(help="choices.md to write")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = PUBLISHED,
    captions: Annotated[Path, typer.Option(help="folder of the captions")] = FOLDER,
    record: Annotated[Path | None, typer.Option(help="run.json, shown as a table")] = None,
    study: Annotated[
        list[str] | None, typer.Option(help="a study to report; all that are present by default")
    ] = None,
) -> None:
    """Write the report of a run as one HTML file, and the papers' open choices as Markdown.

    Raises:
        UserError: a table, a figure, a tidy file or a column is missing, or the record is no JSON.
    """
    content = _record(record)
    made_with = {key: value for key, value in content.items() if key != "stages"}
    found = chosen_studies(tidy, study)
    runs = [open_tidy(each, tidy, published) for each in found]
    pages: list[Page] = [each.load(each.page)(run) for each, run in zip(found, runs, strict=True)]
    studies = [
        {
            "page": page,
            "headline": table_html(*page.headline),
            "comparisons": table_html(*page.comparisons),
            "tables": [
                _table(name, each.table(name).build(run))
                for name in each.drawn("tables", run.left_out)
            ],
            "figures": [
                _figure(figures, captions, each.name, name)
                for name in each.drawn("figures", run.left_out)
            ],
        }
        for each, run, page in zip(found, runs, pages, strict=True)
    ]
    # One study names the page; several share the project's name.
    title = pages[0].title if len(pages) == 1 else "Adversarial learning"
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(resources.__name__, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    html = environment.get_template("report.html.j2").render(
        title=f"{title}: run {pages[0].run}",
        studies=studies,
        times=table_html(*rows_of_record(content)),
        record=table_html(*sections.record_rows(made_with)),
    )
    write_text(choices, sections.choices_markdown(runs))
    write_text(out, html)


def _table(name: str, table: Table) -> dict[str, str]:
    return {"name": name, "title": table.title, "html": table_as_html(table)}


def _figure(folder: Path, captions: Path, study: str, name: str) -> dict[str, str | float | None]:
    content = picture(folder / name)
    if content is None:
        raise UserError(
            f"the figure {name} is missing",
            where=str(folder),
            remedy="run the stage 'figures' first",
        )
    title, text = caption(captions, study, name)
    return {
        "name": name,
        "title": title,
        "caption": text,
        "picture": content,
        "inches": inches(folder / name),
    }


def _record(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {"record": None}
    try:
        content = read_json(path)
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(
            f"the record of the run cannot be read: {error}",
            where=str(path),
            remedy="give the run.json of this run, or leave --record out",
        ) from error
    if not isinstance(content, dict):
        raise UserError(
            "the record of the run is no JSON object",
            where=str(path),
            remedy="give the run.json of this run, or leave --record out",
        )
    return content

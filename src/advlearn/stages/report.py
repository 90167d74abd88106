"""Stage report: one self-contained HTML page with everything a reader needs to judge a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import jinja2
import typer

from advlearn.paper import sections
from advlearn.paper.figures import FIGURES
from advlearn.paper.html import markdown_html, markdown_title, picture, table_html
from advlearn.paper.selective import scope_label
from advlearn.paper.tables import TABLES
from advlearn.paper.tidy import Tidy
from advlearn.paper.verdict import headline_rows, sentences, verdict_rows
from advlearn.support.errors import UserError
from advlearn.support.io import read_json, write_text

Section = dict[str, str]
SPLITS = ("train", "validation", "test")


def report(
    *,
    tidy: Annotated[Path, typer.Option(help="folder of the tidy tables")],
    tables: Annotated[Path, typer.Option(help="folder of the tables stage")],
    figures: Annotated[Path, typer.Option(help="folder of the figures stage")],
    out: Annotated[Path, typer.Option(help="report.html to write")],
    choices: Annotated[Path, typer.Option(help="choices.md to write")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = Path(
        "config/published"
    ),
    record: Annotated[Path | None, typer.Option(help="run.json, shown as a table")] = None,
) -> None:
    """Write the report of a run as one HTML file, and the paper's open choices as Markdown.

    Raises:
        UserError: a table, a figure, a tidy file or a column is missing, or the record is no JSON.
    """
    run = Tidy(tidy, published)
    studies = run.studies
    content = _record(record)
    written = [_table(tables, name) for name in TABLES if name.split("_")[0] in studies]
    drawn = [_figure(figures, name) for name in FIGURES if name.split("_")[0] in studies]
    study = run.study
    pair = (study.primary.universe, study.primary.protocol)
    seeds = ", ".join(map(str, study.seeds))
    images = ", ".join(
        f"{study.images[split]} {split}" for split in SPLITS if split in study.images
    )
    warning = ""
    if study.dataset != "mnist":
        warning = (
            f"This run used the data set {study.dataset}. The published numbers are of MNIST and"
            " stand beside it for orientation only."
        )
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("advlearn.paper", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("report.html.j2").render(
        title=f"Cluster-selective adversarial training: run {study.run}",
        subtitle=(
            f"Data set {study.dataset}{f' ({images} images)' if images else ''}; seeds {seeds};"
            f" published numbers are set beside the universe {scope_label(pair)}."
        ),
        warning=warning,
        headline=table_html(*headline_rows(run)),
        verdict=sentences(run),
        comparisons=table_html(*verdict_rows(run)),
        tables=written,
        figures=drawn,
        sections=_sections(run, content),
    )
    write_text(choices, sections.choices_markdown(run))
    write_text(out, page)


def _sections(run: Tidy, content: dict[str, Any]) -> list[Section]:
    header, rows = sections.calibration(run)
    counts, failures = sections.sanity(run)
    nearest = table_html(header, rows[:11])
    if len(rows) > 11:
        rest = table_html(header, rows[11:])
        nearest += f"<details><summary>All other universes</summary>\n{rest}</details>\n"
    failed = f"<h3>Failed checks</h3>\n{table_html(*failures)}" if failures[1] else ""
    return [
        {
            "id": "choices",
            "title": "What the paper leaves open",
            "text": "Each choice is a configuration key; changing it gives another universe.",
            "html": f'<div class="wrap">{table_html(*sections.choices(run))}</div>\n',
        },
        {
            "id": "calibration",
            "title": "Calibration",
            "text": (
                "The baselines under every combination of the open choices that was tried, measured"
                " on the validation split, nearest to the published numbers first. Distance: mean"
                " absolute difference to the published values. AT: adversarial training."
            ),
            "html": nearest,
        },
        {
            "id": "sanity",
            "title": "Sanity checks of the evaluation",
            "text": (
                "All checks passed."
                if not failures[1]
                else "Some checks failed: read the adversarial accuracies with that in mind."
            ),
            "html": table_html(*counts) + failed,
        },
        {
            "id": "record",
            "title": "Record of the run",
            "text": "Versions, machine, seeds and settings. A dash is unknown, never a guess.",
            "html": f'<div class="wrap">{table_html(*sections.record(content))}</div>\n',
        },
        {
            "id": "universes",
            "title": "Settings of the universes",
            "text": "The resolved settings under which each universe ran.",
            "html": '<div class="wrap">'
            + table_html(*sections.record(run.study.universes))
            + "</div>\n",
        },
    ]


def _table(folder: Path, name: str) -> dict[str, str]:
    path = folder / f"{name}.md"
    if not path.is_file():
        raise UserError(
            f"the table {name} is missing",
            where=str(folder),
            remedy="run the stage 'tables' first",
        )
    text = path.read_text(encoding="utf-8")
    return {"name": name, "title": markdown_title(text), "html": markdown_html(text)}


def _figure(folder: Path, name: str) -> dict[str, str]:
    content = picture(folder / name)
    if content is None:
        raise UserError(
            f"the figure {name} is missing",
            where=str(folder),
            remedy="run the stage 'figures' first",
        )
    entry = FIGURES[name]
    return {"name": name, "title": entry.title, "caption": entry.caption, "picture": content}


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

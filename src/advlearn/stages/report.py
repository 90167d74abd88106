"""Stage report: one self-contained HTML page with everything a reader needs to judge a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from advlearn.report import sections
from advlearn.report.captions import FOLDER, caption
from advlearn.report.document import Drawing, Listing, Part, document
from advlearn.report.pictures import inches, picture
from advlearn.report.pieces import FigurePiece, TablePiece, read_pieces, table_piece
from advlearn.report.timing import rows_of_record
from advlearn.stages.tidy_folder import PUBLISHED, chosen_studies, open_tidy
from advlearn.studies.base import Study
from advlearn.support.errors import UserError
from advlearn.support.io import read_json, write_text
from advlearn.tidy.reader import Tidy

Made = Mapping[tuple[type, str], Any]
"""Tables and figures that are at hand, by kind and name."""


def report(
    *,
    tidy: Annotated[Path, typer.Option(help="folder of the tidy tables")],
    figures: Annotated[Path, typer.Option(help="folder of the figures stage")],
    out: Annotated[Path, typer.Option(help="report.html to write")],
    choices: Annotated[Path, typer.Option(help="choices.md to write")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = PUBLISHED,
    captions: Annotated[Path, typer.Option(help="folder of the captions")] = FOLDER,
    pieces: Annotated[
        list[Path] | None,
        typer.Option(help="a file that tables or figures wrote with --page; else made again"),
    ] = None,
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
    # A table and a figure may share a name.
    made = {
        (type(piece), name): piece
        for path in pieces or ()
        for name, piece in read_pieces(path).items()
    }
    parts = [
        Part(
            each.load(each.page)(run),
            each.load(each.answer)(run) if each.answer else None,
            [_table(each, run, name, made) for name in each.drawn("tables", run.left_out)],
            [
                _figure(each, run, name, made, figures, captions)
                for name in each.drawn("figures", run.left_out)
            ],
        )
        for each, run in zip(found, runs, strict=True)
    ]
    # One study names the page; several share the project's name.
    title = parts[0].page.title if len(parts) == 1 else "Adversarial learning"
    html = document(
        parts,
        f"{title}: run {parts[0].page.run}",
        record=sections.record_rows(made_with),
        times=rows_of_record(content),
    )
    write_text(choices, sections.choices_markdown(runs))
    write_text(out, html)


def _table(study: Study, run: Tidy, name: str, made: Made) -> Listing:
    piece = made.get((TablePiece, name)) or table_piece(study.table(name).build(run))
    return Listing(name, piece, study.module_of("tables", name))


def _figure(
    study: Study, run: Tidy, name: str, made: Made, folder: Path, captions: Path
) -> Drawing:
    content = picture(folder / name)
    if content is None:
        raise UserError(
            f"the figure {name} is missing",
            where=str(folder),
            remedy="run the stage 'figures' first",
        )
    title, text = caption(captions, study.name, name)
    piece = made.get((FigurePiece, name)) or _drawn(study, run, name)
    return Drawing(
        name=name,
        title=title,
        caption=text,
        picture=content,
        inches=inches(folder / name),
        shown=piece,
        module=study.module_of("figures", name),
    )


def _drawn(study: Study, run: Tidy, name: str) -> FigurePiece:
    # With the pieces of the stage 'figures' the page needs no matplotlib.
    from advlearn.report.drawn import figure_piece
    from advlearn.report.style import figure_style

    with figure_style():
        return figure_piece(study.figure(name).draw(run))


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

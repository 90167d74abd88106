"""One table, three forms: CSV for machines, Markdown and booktabs LaTeX for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from advlearn.report.numbers import ABSENT
from advlearn.report.table import Table
from advlearn.support.errors import UserError
from advlearn.support.io import write_csv, write_text
from advlearn.support.text import shown

_PAGE_ROWS = 45

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "–": "--",
    "×": r"$\times$",
    "±": r"$\pm$",
    "ε": r"$\varepsilon$",
    "Δ": r"$\Delta$",
    "α": r"$\alpha$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "ν": r"$\nu$",
    "τ": r"$\tau$",
    "φ": r"$\varphi$",
    "κ": r"$\kappa$",
    "ℓ": r"$\ell$",
    "√": r"$\surd$",
    "²": r"$^2$",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "`": r"\textasciigrave{}",
    '"': r'\texttt{"}',
}
# Two of these beside each other are set as one other sign.
_LIGATURE = re.compile(r"([-'])(?=\1)")
# After a line's end LaTeX takes these for an argument of the command that ended it.
_ARGUMENT = ("[", "*")

_MARKED = re.compile(
    r"""[\\*`~$]                          # escapes, emphasis, code, strikethrough, mathematics
      | (?<![^\W_])_ | _(?![^\W_])        # an underscore within a word is one
      | <(?=[A-Za-z/!?])                  # tags and addresses
      | &(?=\#?\w+;)                      # entities
      | \](?=[(\[:])                      # links
    """,
    re.VERBOSE,
)

# What begins a row of a table, a heading, a quotation, a list or a rule at the head of a line.
_BLOCK = re.compile(r"^(?:\d+(?=[.)](?:\s|$))|(?=\| |#+(?:\s|$)|>|[-+](?:\s|$)|[-=]+$))")


def write_table(table: Table, stem: Path) -> list[Path]:
    """Write ``stem``.csv, ``stem``.md and ``stem``.tex, each whole or not at all.

    Columns that hold nothing in this run (such as the intervals of a run with one seed) are left
    out of the CSV file.

    Args:
        table: the table.
        stem: path without suffix; its name is the table's label.

    Returns:
        The three paths.

    Raises:
        UserError: the table has no rows, or the folder cannot be written to.
    """
    if table.frame.empty or not any(group.rows for group in table.groups):
        raise UserError(
            f"nothing to show in the table {stem.name}",
            where="the tidy tables of this run",
            remedy="check that the run's clusterers, attacks and cluster numbers are not empty",
        )
    paths = [stem.parent / f"{stem.name}{suffix}" for suffix in (".csv", ".md", ".tex")]
    write_csv(paths[0], table.frame.dropna(axis="columns", how="all"))
    write_text(paths[1], markdown(table))
    write_text(paths[2], latex(table, stem.name))
    return paths


def markdown(table: Table) -> str:
    """The table as Markdown: heading, caption, one pipe table a group, notes."""
    lines = [f"## {escape_markdown(table.title)}", "", _paragraph(table.caption), ""]
    for group in table.groups:
        if group.title:
            lines += [f"**{escape_markdown(group.title)}**", ""]
        lines += [*pipe_table(table.columns, group.rows), ""]
    lines += [f"- {_paragraph(note)}" for note in table.notes]
    return "\n".join(lines).rstrip("\n") + "\n"


def pipe_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of one Markdown table; columns of numbers are aligned to the right."""
    cells = [[_pipe(cell) for cell in row] for row in rows]
    widths = [
        max(3, len(_pipe(name)), *(len(row[i]) for row in cells)) for i, name in enumerate(columns)
    ]
    right = [all(_numeric(row[i]) for row in rows) for i in range(len(columns))]
    rule = [
        "-" * (width - 1) + ":" if flag else "-" * width
        for width, flag in zip(widths, right, strict=True)
    ]

    def line(values: Sequence[str]) -> str:
        parts = [
            value.rjust(width) if flag else value.ljust(width)
            for value, width, flag in zip(values, widths, right, strict=True)
        ]
        return "| " + " | ".join(parts) + " |"

    return [line([_pipe(name) for name in columns]), line(rule), *(line(row) for row in cells)]


def latex(table: Table, label: str) -> str:
    """The table as LaTeX for booktabs: a ``table``, or a ``longtable`` where it is long."""
    rows = [row for group in table.groups for row in group.rows]
    count = len(table.columns)
    right = [all(_numeric(row[i]) for row in rows) for i in range(count)]
    layout = "".join("r" if flag else "l" for flag in right)
    body = []
    for group in table.groups:
        body.append(r"\midrule")
        if group.title:
            title = escape_latex(group.title)
            body.append(f"\\multicolumn{{{count}}}{{l}}{{\\emph{{{title}}}}} \\\\")
        body += [_latex_line(row) for row in group.rows]
    notes = r" \\ ".join(map(_after_line, table.notes))
    notes = notes and f"\\par\\smallskip\\parbox{{\\linewidth}}{{\\scriptsize {notes}}}"
    caption = f"\\caption{{{escape_latex(table.title + '. ' + table.caption)}}}"
    caption += f"\\label{{tab:{label.replace('_', '-')}}}"
    size = r"\scriptsize\setlength{\tabcolsep}{3pt}" if table.wide else r"\footnotesize"
    # A table environment cannot break over pages.
    long = len(body) > _PAGE_ROWS
    kind = "longtable" if long else "tabular"
    grid = f"\\begin{{{kind}}}{{{layout}}}"
    before = [f"{{{size}", grid, caption + r" \\"]
    if not long:
        before = [r"\begin{table}", r"\centering", caption, size, grid]
    packages = ["pdflscape"] * table.wide + ["booktabs"] + ["longtable"] * long
    lines = [
        f"% needs \\usepackage{{{','.join(packages)}}}",
        *[r"\begin{landscape}"] * table.wide,
        *before,
        r"\toprule",
        _latex_line(table.columns),
        *[r"\endhead"] * long,
        *body,
        r"\bottomrule",
        f"\\end{{{kind}}}",
        notes,
        "}" if long else r"\end{table}",
        *[r"\end{landscape}"] * table.wide,
    ]
    return "\n".join(line for line in lines if line) + "\n"


def plain_text(
    title: str, table: tuple[Sequence[str], Sequence[Sequence[str]]], lines: Sequence[str]
) -> str:
    """A title, a table (header, rows) and lines below it as plain text for a terminal."""
    header, *rows = [[shown(cell) for cell in row] for row in (table[0], *table[1])]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    rule = ["-" * width for width in widths]
    grid = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, rule, *rows]
    ]
    return "\n".join([shown(title), "", *grid, "", *map(shown, lines)]) + "\n"


def escape_latex(text: str) -> str:
    """``text`` with every character that LaTeX would read as a command made harmless."""
    apart = _LIGATURE.sub("\\g<0>\0", shown(text))
    return "".join(_TEX.get(character, character) for character in apart).replace("\0", "{}")


def escape_markdown(text: str) -> str:
    """``text`` with every character that Markdown would read as a mark made harmless.

    A bar is one outside of a table.
    """
    return _MARKED.sub(r"\\\g<0>", shown(text))


def _paragraph(text: str) -> str:
    """Escaped text that begins a line and is no heading, quotation, list or row of a table."""
    return _BLOCK.sub(r"\g<0>\\", escape_markdown(text).strip())


def _pipe(text: str) -> str:
    return escape_markdown(text).replace("|", "\\|")


def _latex_line(cells: Sequence[str]) -> str:
    row = " & ".join([*map(_after_line, cells[:1]), *map(escape_latex, cells[1:])])
    # Names of classes stand in cells, and in LaTeX's default encoding of fonts a bar is a dash.
    return row.replace("|", r"\textbar{}") + r" \\"


def _after_line(text: str) -> str:
    """``text`` as LaTeX where a line may have ended just before it."""
    escaped = escape_latex(text)
    return f"{{}}{escaped}" if escaped.lstrip().startswith(_ARGUMENT) else escaped


def _numeric(text: str) -> bool:
    return text == ABSENT or text[:1] in "0123456789+−" if text else True

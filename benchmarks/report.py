"""Put the tables of docs/performance.md in place from benchmarks/results/*.csv.

    python -m benchmarks.report           # write them
    python -m benchmarks.report --check   # fail if the page and the CSV files differ

A table stands between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``; everything else on the
page is left alone. No number of a table is typed by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import pandas as pd

from benchmarks import summary
from benchmarks.goals import number
from benchmarks.sections import SECTIONS, Section
from benchmarks.summary import computer

MARKERS = re.compile(r"<!-- (\w+):begin -->\n(.*?)<!-- \1:end -->", re.DOTALL)
ANY_MARKER = re.compile(r"<!-- (\w+):(begin|end) -->")


def markdown(frame: pd.DataFrame) -> str:
    """A table of texts and numbers; a column of texts is aligned left, one of numbers right."""
    # By dtype in order, since two columns may have one title, such as "peer's".
    rules = ["---:" if pd.api.types.is_numeric_dtype(each) else "---" for each in frame.dtypes]
    rows = [[number(value) for value in values] for values in frame.itertuples(index=False)]
    lines = [list(frame.columns), rules, *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def section_table(section: Section, frame: pd.DataFrame) -> str:
    """The table of one benchmark, with its goals if it has any, and the machine below it."""
    present = [name for name in section.columns if name in frame and not frame[name].isna().all()]
    shown = frame[present].rename(columns=section.columns)
    wanted = [section.goals(row) for _, row in frame.iterrows()]
    if any(wanted):
        shown["goal"] = ["; ".join(goal.words() for goal in each) for each in wanted]
        shown["met"] = [
            "; ".join("yes" if goal.met(row) else "**no**" for goal in each)
            for each, (_, row) in zip(wanted, frame.iterrows(), strict=True)
        ]
    return markdown(shown) + machine(frame)


def machine(frame: pd.DataFrame) -> str:
    """One sentence on what the rows were measured on; empty where the file does not say."""
    if "processor" not in frame:
        return ""
    columns = ["date", "processor", "cores", "python", "versions", *{"card"} & {*frame}]
    sentences = []
    for row in frame[columns].drop_duplicates().itertuples(index=False):
        versions = ", ".join(str(row.versions).split()).replace("=", " ")
        sentences.append(
            f"Measured on {row.date}: {computer(row)}, Python {row.python}, {versions}."
        )
    return "\n" + "\n".join(sentences) + "\n"


def summary_table(frames: dict[str, pd.DataFrame]) -> str:
    """One line a kind of work, and how many goals there are in all."""
    judged = [
        goal.met(row)
        for name, section in SECTIONS.items()
        if name in frames
        for _, row in frames[name].iterrows()
        for goal in section.goals(row)
    ]
    total = f"\nOf all {len(judged)} goals below, {sum(judged)} are met.\n" if judged else ""
    return markdown(summary.table(_lines(frames), number)) + total


def _lines(frames: dict[str, pd.DataFrame]) -> list[summary.Line]:
    return summary.lines(frames, {name: section.goals for name, section in SECTIONS.items()})


def render(text: str, frames: dict[str, pd.DataFrame]) -> str:
    """``text`` with the table of every marker pair renewed.

    Args:
        text: a page with markers.
        frames: contents of the CSV files by stem.

    Raises:
        ValueError: a marker without its partner, or one that names no table.
    """
    paired = [name for name, _ in MARKERS.findall(text)]
    if sorted(paired * 2) != sorted(name for name, _ in ANY_MARKER.findall(text)):
        raise ValueError("every '<!-- NAME:begin -->' needs its '<!-- NAME:end -->', unnested")
    unknown = sorted(set(paired) - {*SECTIONS, "summary"})
    if unknown:
        known = ", ".join([*SECTIONS, "summary"])
        raise ValueError(f"no table is called {', '.join(unknown)}; known: {known}")

    def table(found: re.Match[str]) -> str:
        name = found[1]
        if name == "summary":
            body = summary_table(frames)
        elif SECTIONS[name].file in frames:
            body = section_table(SECTIONS[name], frames[SECTIONS[name].file])
        else:
            body = f"Not measured yet: benchmarks/results/{SECTIONS[name].file}.csv is missing.\n"
        return f"<!-- {name}:begin -->\n{body}<!-- {name}:end -->"

    return MARKERS.sub(table, text)


def read(results: Path) -> dict[str, pd.DataFrame]:
    """The CSV files of a folder that have a table, by stem."""
    paths = {name: results / f"{section.file}.csv" for name, section in SECTIONS.items()}
    return {
        name: SECTIONS[name].arrange(pd.read_csv(path))
        for name, path in paths.items()
        if path.exists()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--page", type=Path, default=Path("docs/performance.md"))
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    options = parser.parse_args()
    before = options.page.read_text(encoding="utf-8")
    frames = read(options.results)
    figure = options.page.with_suffix(".svg")
    try:
        after, picture = render(before, frames), summary.draw(_lines(frames))
    except ValueError as error:
        sys.exit(f"{options.page}: {error}")
    if options.check and (after != before or figure.read_bytes() != picture):
        sys.exit(f"{options.page} is not what {options.results} says: python -m benchmarks.report")
    if not options.check:
        options.page.write_text(after, encoding="utf-8")
        figure.write_bytes(picture)
        print(f"written to {options.page}")


if __name__ == "__main__":
    main()

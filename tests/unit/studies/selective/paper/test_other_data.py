"""Published numbers stand only beside what they belong to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from advlearn.report.numbers import ABSENT
from advlearn.report.style import figure_style
from advlearn.studies.selective.paper.page import page
from advlearn.studies.selective.paper.search import weighted
from advlearn.studies.selective.paper.sections import nearest, stages
from advlearn.studies.selective.paper.universe_protocol import PREDICTED
from advlearn.studies.selective.schema import SCHEMA, SelectiveTidy
from advlearn.studies.selective.study import STUDY
from tests.helpers.selective_run import PUBLISHED, write_run

pytestmark = pytest.mark.slow

OTHER = {"fashion-mnist": "mlp", "arrays": "mlp", "mnist": "my_networks:wide"}
"""Runs that the published numbers are not of: data set and network of the primary universe."""


def run_of(folder: Path, dataset: str, model: str) -> SelectiveTidy:
    """Two universes on a data set, the first with this network."""
    write_run(folder, dataset=dataset, seeds=[0, 1], cluster_numbers=[2, 4], reductions=["pca"])
    record = folder / SCHEMA.record
    study = json.loads(record.read_text())
    study["universes"]["small"]["model"] = {"name": model}
    record.write_text(json.dumps(study))
    return SelectiveTidy(folder, PUBLISHED)


@pytest.fixture(scope="module", params=OTHER)
def other(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SelectiveTidy:
    folder = tmp_path_factory.mktemp("other") / "tidy"
    return run_of(folder, request.param, OTHER[request.param])


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> SelectiveTidy:
    return run_of(tmp_path_factory.mktemp("same") / "tidy", "mnist", "cnn")


def beside(run: SelectiveTidy, name: str) -> set[str]:
    """Universes of a table that have a published number, or anything that follows from one."""
    frame = STUDY.table(name).build(run).frame
    columns = [name for name in frame if "published" in name]
    columns += [name for name in ("difference", "source") if name in frame]
    assert "published" in columns
    return set(frame.loc[frame[columns].notna().any(axis="columns"), "universe"])


TABLES = [f"selective_{name}" for name in "baselines table1_fgsm table2_pgd table3_overall".split()]
"""Tables that quote published numbers cell by cell."""


@pytest.mark.parametrize("name", TABLES)
def test_tables_quote_what_belongs_to_their_data_and_network(
    other: SelectiveTidy, same: SelectiveTidy, name: str
) -> None:
    predicted = set() if name == "selective_baselines" else {PREDICTED.universe}
    assert beside(same, name) == {"small", "standard"} | predicted
    # The second universe has a network of the project: on MNIST it may stand for the paper's.
    assert beside(other, name) == ({"standard"} if other.study.dataset == "mnist" else set())
    table = STUDY.table(name).build(other)
    (group, *_) = table.groups
    assert "small" in group.title
    assert "published" not in group.title
    assert not [cell for row in group.rows for cell in row if cell.endswith(")") and "] (" in cell]
    assert any("belong to another" in note for note in table.notes)


def test_a_line_of_a_table_holds_a_number(other: SelectiveTidy) -> None:
    frame = STUDY.table("selective_table1_fgsm").build(other).frame
    assert frame[["mean", "published"]].notna().any(axis="columns").all()


def test_page_and_headline_leave_them_out_and_say_so(
    other: SelectiveTidy, same: SelectiveTidy
) -> None:
    here, there = page(other), page(same)
    assert "belong to another" in here.warning
    assert not there.warning
    assert "published" in there.subtitle
    assert "published" not in here.subtitle
    (header, rows), (whole, _) = here.headline, there.headline
    assert header == ["model", "accuracy", "measured (mean of 2 seeds)"]
    left_out = {"published", "difference", "within one run"}
    assert left_out < set(whole)
    assert {len(row) for row in rows} == {len(header)} == {len(whole) - len(left_out)}
    for place in map(whole.index, left_out):
        assert {row[place] for row in there.headline[1]} != {ABSENT}


def test_the_search_is_near_to_nothing_on_other_data(same: SelectiveTidy, tmp_path: Path) -> None:
    other = run_of(tmp_path / "tidy", "arrays", "mlp")
    assert nearest(other) is None
    assert nearest(same) == pytest.approx(0)
    assert (weighted(other)["weight"] == 0).all()
    assert weighted(same)["weight"].sum() == pytest.approx(1)
    table = STUDY.table("selective_universes").build(other)
    assert table.frame[["published_baseline", "difference"]].isna().all(axis=None)
    assert [group.title for group in table.groups] == ["The measured universes, by their numbers"]
    assert (STUDY.table("selective_open_choices").build(other).frame["weight"] == 0).all()
    assert stages(other)[1] == []


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.mark.parametrize(
    "name", ["selective_fig1_fgsm", "selective_fig2_pgd", "selective_tradeoff"]
)
def test_figures_have_no_published_points(
    other: SelectiveTidy, same: SelectiveTidy, name: str
) -> None:
    with figure_style():
        drawn = {run: STUDY.figure(name).draw(run) for run in (other, same)}
    assert "published" in labels(drawn[same])
    assert "published" not in labels(drawn[other])
    lines = [sum(len(axis.lines) for axis in drawn[run].axes) for run in (other, same)]
    assert lines[0] < lines[1]

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from advlearn.data.point_sets import read_points
from advlearn.learners.convex import Graph, solve
from advlearn.settings.points import BlobsSettings, CsvSettings
from advlearn.studies.bilevel.partitions import choose, joined, sizes_of
from advlearn.studies.bilevel.settings.path import GraphSettings, PathSettings
from advlearn.studies.bilevel.stages.path import COLUMNS, TRAJECTORY_COLUMNS
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_npz
from tests.helpers.bilevel_stages import follow_path, path_job


def test_one_row_a_gamma_and_the_last_ones_are_one_cluster(walked: Path) -> None:
    table, arrays = read_csv(walked), read_npz(walked.with_suffix(".npz"))
    assert list(table) == COLUMNS
    assert len(table) == len(arrays["gammas"]) in (13, 14)
    assert (np.diff(table["gamma"]) > 0).all()
    assert table["gamma"].iloc[[0, -1]].tolist() == pytest.approx([0.1, 1e4])
    assert (table["gap"] <= 1e-8).all()
    assert table["n_clusters"].iloc[0] > 3
    assert table["n_clusters"].iloc[-1] == 1
    assert set(table["dataset"]) == {"points"}
    truth = read_points(walked.parents[1] / "data.npz").truth
    for row, labels in zip(table.to_dict("records"), arrays["labels"], strict=True):
        assert row["n_clusters"] == len(set(labels.tolist()))
        assert row["ari_truth"] == pytest.approx(adjusted_rand_score(truth, labels), abs=1e-9)


def test_every_partition_is_that_of_a_cold_start(walked: Path) -> None:
    arrays = read_npz(walked.with_suffix(".npz"))
    points = read_points(walked.parents[1] / "data.npz").points
    graph = Graph(len(points), arrays["edges"], arrays["weights"])
    # The last gammas are not solved but known: the same flow proves them.
    for gamma, labels in list(zip(arrays["gammas"], arrays["labels"], strict=True))[::2]:
        assert (solve(points, graph, float(gamma)).labels == labels).all(), gamma


def test_the_chosen_gamma_is_the_centre_of_its_interval(walked: Path) -> None:
    table, arrays = read_csv(walked), read_npz(walked.with_suffix(".npz"))
    (row,) = np.flatnonzero(table["chosen"])
    assert row == arrays["chosen"]
    assert arrays["gamma"] == arrays["gammas"][row]
    assert (arrays["chosen_labels"] == arrays["labels"][row]).all()
    assert table["n_clusters"][row] == 3
    points = read_points(walked.parents[1] / "data.npz").points
    graph = Graph(len(points), arrays["edges"], arrays["weights"])

    def same(gamma: float) -> bool:
        return bool((solve(points, graph, gamma).labels == arrays["chosen_labels"]).all())

    ends = []
    for factor in (0.97, 1.03):
        gamma = float(arrays["gamma"])
        while same(gamma * factor):
            gamma *= factor
        ends.append(gamma)
    assert np.sqrt(np.prod(ends)) == pytest.approx(float(arrays["gamma"]), rel=0.05)


def test_trajectories_start_at_the_data_and_end_in_its_mean(walked: Path) -> None:
    ways = read_csv(walked.with_suffix(".trajectories.csv"))
    arrays = read_npz(walked.with_suffix(".npz"))
    points = read_points(walked.parents[1] / "data.npz").points
    assert list(ways) == TRAJECTORY_COLUMNS
    assert len(ways) == arrays["labels"].size
    assert ways["label"].tolist() == arrays["labels"].ravel().tolist()
    first = ways[ways["gamma"] == ways["gamma"].min()][["x", "y"]].to_numpy()
    plane = PCA(2).fit_transform(points)
    # Small gammas move no point far; the sign of an axis is free.
    assert np.abs(np.abs(first) - np.abs(plane)).max() < 1.5
    last = ways[ways["gamma"] == ways["gamma"].max()][["x", "y"]].to_numpy()
    np.testing.assert_allclose(last, 0, atol=1e-6)


def test_without_trajectories_the_file_has_a_header_alone(tmp_path: Path) -> None:
    out = follow_path(tmp_path, BlobsSettings(points=12), path_job(gammas=5))
    ways = read_csv(out.with_suffix(".trajectories.csv"))
    assert list(ways) == TRAJECTORY_COLUMNS
    assert ways.empty


def test_points_without_classes_and_of_one_column(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    places = [0, 0.1, 0.2, 5, 5.1, 5.2, 5.3]
    table.write_text("x\n" + "\n".join(map(str, places)) + "\n", encoding="utf-8")
    data = CsvSettings(path=table)
    out = follow_path(
        tmp_path, data, path_job(trajectories=True, n_clusters=(2, 3), range=(1e-3, 1e3))
    )
    frame = read_csv(out)
    assert frame["ari_truth"].isna().all()
    assert 2 <= frame.loc[frame["chosen"] == 1, "n_clusters"].item() <= 3
    assert (read_csv(out.with_suffix(".trajectories.csv"))["y"] == 0).all()


def test_a_path_of_one_cluster_names_the_keys_to_change(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no gamma gives more than one cluster") as error:
        follow_path(
            tmp_path, BlobsSettings(points=12, separation=2.0), path_job(gammas=3, range=(1e5, 1e6))
        )
    assert "bilevel.path.range" in error.value.remedy


def test_same_inputs_same_bytes_but_for_the_seconds(walked: Path, tmp_path: Path) -> None:
    again = follow_path(
        tmp_path, BlobsSettings(points=36, separation=5.0), path_job(trajectories=True)
    )
    for suffix in (".npz", ".trajectories.csv"):
        assert again.with_suffix(suffix).read_bytes() == walked.with_suffix(suffix).read_bytes()
    first, second = (read_csv(path).drop(columns="seconds") for path in (walked, again))
    assert first.equals(second)


CHAIN = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]])


def rows(*counts: int) -> np.ndarray:
    """Partitions of 6 points into so many clusters."""
    return np.array([np.minimum(np.arange(6), count - 1) for count in counts])


@pytest.mark.parametrize(
    ("counts", "classes", "between", "expected"),
    [
        ((6, 4, 3, 3, 2, 2, 2, 1), 3, (2, 6), (2, 3)),
        ((6, 4, 3, 3, 2, 2, 2, 1), None, (2, 6), (4, 6)),
        ((6, 4, 3, 3, 2, 2, 2, 1), 5, (3, 6), (2, 3)),
        ((6, 4, 3, 3, 2, 2, 1, 1), 5, (2, 6), (2, 3)),  # as long: the first
        ((6, 6, 6, 2, 1), 6, (2, 6), (3, 3)),  # every point alone is no clustering
        ((6, 6, 5, 1), 3, (2, 3), (2, 2)),  # nothing in the range: the next best
        ((6, 6, 1, 1), 1, (1, 6), None),
    ],
)
def test_which_stretch_is_chosen(
    counts: tuple[int, ...],
    classes: int | None,
    between: tuple[int, int],
    expected: tuple[int, int] | None,
) -> None:
    settings = PathSettings(n_clusters=between, smallest=0)
    assert choose(rows(*counts), CHAIN, classes, settings) == expected


def test_the_same_number_of_other_clusters_is_another_stretch() -> None:
    labels = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]])
    assert choose(labels, CHAIN[:3], 2, PathSettings(n_clusters=(2, 3))) == (1, 2)


def test_outlier_splits_are_passed_over_where_there_is_another_partition() -> None:
    one_off = np.r_[np.zeros(39, dtype=int), 1]
    even, three = np.arange(40) % 2, np.arange(40) % 3
    outlier_and_two = np.r_[np.arange(39) % 2, 2]
    edges = np.array([[number, number + 1] for number in range(39)])
    choose_of = partial(choose, edges=edges, settings=PathSettings(n_clusters=(2, 6)))
    assert choose_of(np.stack([one_off, one_off, even]), n_classes=2) == (2, 2)
    # Balanced comes before the number of classes, and that before any other number.
    assert choose_of(np.stack([outlier_and_two] * 3 + [even]), n_classes=3) == (3, 3)
    assert choose_of(np.stack([even, even, three]), n_classes=3) == (2, 2)
    split_off = np.stack([one_off, outlier_and_two, outlier_and_two])
    assert choose_of(split_off, n_classes=3) == (1, 2)


def test_components_of_the_graph_are_passed_over_where_gamma_decides_another_partition() -> None:
    # Two components, of which one falls apart at a smaller gamma.
    edges = np.array([[0, 1], [1, 2], [2, 3], [4, 5]])
    apart, together = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 0, 1, 1])
    path = np.stack([np.arange(6), apart, together, together])
    assert [joined(row, edges) for row in path] == [4, 1, 0, 0]
    assert choose(path, edges, 2, PathSettings(n_clusters=(2, 3))) == (1, 1)
    assert choose(path, edges, 2, PathSettings(n_clusters=(2, 2))) == (2, 3)
    # A small cluster is worse than a component.
    one_off = np.array([0, 1, 1, 1, 2, 2])
    path = np.stack([one_off, together])
    assert choose(path, edges, 2, PathSettings(n_clusters=(2, 3), smallest=0.3)) == (1, 1)


def test_sizes_are_written_largest_first() -> None:
    assert sizes_of(np.array([0, 1, 1, 2, 1, 2])) == "3+2+1"


def test_weights_that_vanish_for_most_points_are_an_error(tmp_path: Path) -> None:
    job = path_job()
    steep = job.model_copy(update={"graph": GraphSettings(phi=1000)})
    with pytest.raises(UserError, match=r"nothing for .* of 60 points") as error:
        follow_path(tmp_path, BlobsSettings(points=60), steep)
    assert "bilevel.graph.phi" in error.value.where
    assert "smaller phi" in error.value.remedy

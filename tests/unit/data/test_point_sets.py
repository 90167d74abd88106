from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import TypeAdapter, ValidationError
from sklearn.datasets import load_digits, load_iris, make_moons
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from advlearn.data.point_sets import (
    make_points,
    median_edge,
    read_points,
    save_points,
    standardised,
)
from advlearn.settings.points import PointSet
from advlearn.support.errors import UserError
from advlearn.support.io import write_npz
from advlearn.support.seeds import derive_seed

SETTINGS: TypeAdapter[Any] = TypeAdapter(PointSet)
SHIPPED: dict[str, tuple[dict[str, Any], tuple[int, int], tuple[int, ...]]] = {
    "iris": ({"name": "iris"}, (150, 4), (50, 50, 50)),
    "wine": ({"name": "wine"}, (178, 13), (59, 71, 48)),
    "breast_cancer": ({"name": "breast_cancer"}, (569, 30), (212, 357)),
    "digits_1_4": ({"name": "digits", "classes": [1, 4]}, (363, 64), (182, 181)),
    "digits_8_9": ({"name": "digits", "classes": [9, 8]}, (354, 64), (174, 180)),
    "moons": ({"name": "moons", "points": 60}, (60, 2), (30, 30)),
    "circles": ({"name": "circles", "points": 61}, (61, 2), (30, 31)),
    "blobs": ({"name": "blobs", "points": 31}, (31, 2), (11, 10, 10)),
}


def loaded(k: int = 10, **settings: Any) -> Any:
    return make_points(SETTINGS.validate_python(settings), k)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_set_has_its_points_and_classes_on_the_common_scale(name: str) -> None:
    settings, shape, counts = SHIPPED[name]
    data = loaded(**settings)
    assert data.points.shape == shape
    assert data.points.dtype == np.float64
    assert np.isfinite(data.points).all()
    assert tuple(np.bincount(data.truth)) == counts
    assert len(data.classes) == len(counts)
    assert len(data.features) == shape[1]
    assert data.dropped == ()
    # Independent of the k-d tree: scikit-learn, which leaves the point itself out.
    distances, _ = NearestNeighbors(n_neighbors=10).fit(data.points).kneighbors()
    assert np.median(distances) == pytest.approx(1.0)


def test_measurements_are_z_scores_and_digits_are_not() -> None:
    iris = loaded(name="iris")
    np.testing.assert_allclose(
        iris.points * iris.scale, StandardScaler().fit_transform(load_iris().data), atol=1e-12
    )
    digits = loaded(name="digits", classes=[1, 4])
    images, labels = load_digits(return_X_y=True)
    np.testing.assert_allclose(digits.points * digits.scale * 16, images[np.isin(labels, [1, 4])])
    assert digits.classes == ("1", "4")


def test_shapes_are_those_of_scikit_learn_and_blobs_sit_on_a_polygon() -> None:
    moons = loaded(name="moons", points=50, noise=0.1, seed=3)
    drawn, truth = make_moons(50, noise=0.1, random_state=derive_seed(3, "bilevel", "moons"))
    np.testing.assert_allclose(moons.points * moons.scale, drawn)
    assert (moons.truth == truth).all()
    blobs = loaded(name="blobs", points=3000, clusters=3, separation=8.0, spread=0.5)
    raw = blobs.points * blobs.scale
    centres = np.array([raw[blobs.truth == each].mean(axis=0) for each in range(3)])
    for first, second in ((0, 1), (1, 2), (2, 0)):
        assert np.linalg.norm(centres[first] - centres[second]) == pytest.approx(8, abs=0.15)
    assert raw[blobs.truth == 1].std(axis=0) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("settings", [{"name": "moons"}, {"name": "circles"}, {"name": "blobs"}])
def test_the_seed_alone_decides_what_is_drawn(settings: dict[str, Any]) -> None:
    first = loaded(**settings, seed=1)
    assert (first.points == loaded(**settings, seed=1).points).all()
    assert not np.allclose(first.points, loaded(**settings, seed=2).points)


def test_fewer_points_keep_the_shares_of_the_classes() -> None:
    data = loaded(name="wine", points=60)
    assert tuple(np.bincount(data.truth)) == (20, 24, 16)
    assert (np.diff(data.truth) >= 0).all(), "the old order stays"
    other = loaded(name="wine", points=60, seed=1)
    assert not np.array_equal(data.points, other.points)
    with pytest.raises(ValidationError, match="points: 179 of 178"):
        loaded(name="wine", points=179)


def csv(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def table(n: int = 12) -> str:
    generator = np.random.default_rng(0)
    rows = [
        f"{x:.6f},{y:.6f},7,{'no' if i % 3 else 'yes'}"
        for i, (x, y) in enumerate(generator.normal(size=(n, 2)))
    ]
    return "\n".join(["height,width,site,kind", *rows]) + "\n"


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    data = loaded(3, name="csv", path=csv(tmp_path, table()), label="kind")
    assert data.points.shape == (12, 2)
    assert data.features == ("height", "width")
    assert data.dropped == ("site",)
    assert data.classes == ("no", "yes")
    assert data.truth.tolist() == [1, 0, 0] * 4
    assert (data.points * data.scale).std(axis=0) == pytest.approx(1.0)
    assert median_edge(data.points, 3) == pytest.approx(1.0)


def test_two_ways_to_write_an_accent_are_one_class(tmp_path: Path) -> None:
    lines = table().replace("yes", "caf\u00e9").splitlines()
    lines[1] = lines[1].replace("\u00e9", "e\u0301")
    data = loaded(3, name="csv", path=csv(tmp_path, "\n".join(lines)), label="kind")
    assert data.classes == ("caf\u00e9", "no")
    assert data.truth is not None
    assert data.truth.tolist() == [0, 1, 1] * 4


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        ("-1e308", "1e308", "too large"),
        ("1.7e308", "1.6e308", "too large"),
        ("1e308", "1e308", "too large"),
        ("1e-200", "2e-200", "too small"),
        ("0", "4.9e-324", "too small"),
    ],
)
def test_numbers_without_a_square_are_refused(
    tmp_path: Path, low: str, high: str, said: str, standardise: bool
) -> None:
    """Their z-scores would be 0 or NaN, or the column would count as constant."""
    lines = table().splitlines()
    lines[1:] = [
        line.replace(",7,", f",{high if number % 2 else low},")
        for number, line in enumerate(lines[1:])
    ]
    path = csv(tmp_path, "\n".join(lines))
    with pytest.raises(UserError, match=f"column 'site' .* {said}"):
        loaded(3, name="csv", path=path, label="kind", standardise=standardise)


def test_a_file_without_classes_and_as_it_is(tmp_path: Path) -> None:
    text = "\n".join(line.rsplit(",", 1)[0] for line in table().splitlines())
    data = loaded(3, name="csv", path=csv(tmp_path, text), standardise=False)
    assert data.truth is None
    assert data.classes == ()
    assert data.features == ("height", "width", "site")
    assert data.dropped == ()
    assert data.points[:, 2] * data.scale == pytest.approx(7.0)
    fewer = loaded(3, name="csv", path=tmp_path / "mine.csv", points=5)
    assert fewer.points.shape == (5, 2)


@pytest.mark.parametrize(
    ("text", "label", "said"),
    [
        (table().replace(",7,", ",,", 1), "kind", r"cell of row 1 is empty[\s\S]*column 'site'"),
        (table().replace(",7,", ",inf,", 1), "kind", "row 1 has no finite number: 'inf'"),
        (table().replace(",7,", ",tall,", 1), "kind", "row 1 has no finite number: 'tall'"),
        (table(), None, "row 1 has no finite number: 'yes'"),
        (table(), "sort", "there is no column 'sort'"),
        (table().replace("yes", "", 1), "kind", r"cell of row 1 is empty[\s\S]*'kind'"),
        (table(2), "kind", "2 points are too few"),
        ("kind\na\nb\nc\n", "kind", "no column of numbers"),
        ("height,kind\n", "kind", "0 points are too few"),
        (",height\n0,1.5\n1,1.7\n2,1.1\n", None, "column 1 has no name"),
        ("a,b\n1,2\n1,2\n1,2\n1,2\n", None, "every column is constant"),
        ("a,b\n1,2\n1,2\n1,2\n5,3\n", None, "most points have exact copies"),
        ("", None, "cannot be read as a table"),
        ("a,b\n1,2,3\n4,5,6\n7,8,8\n", None, r"row 1 \(line 2\) has 3 cells, the header has 2"),
        ("a,b\n1,2\n1,2,3,4\n", None, "cannot be read as a table"),
    ],
)
def test_a_file_that_is_no_point_set_is_refused(
    tmp_path: Path, text: str, label: str | None, said: str
) -> None:
    path = csv(tmp_path, text)
    with pytest.raises(UserError, match=said) as error:
        loaded(2, name="csv", path=path, label=label)
    assert str(path) in error.value.where
    assert error.value.remedy


@pytest.mark.parametrize("name", ["None", "NA", "null", "nan", "N/A", "-"])
def test_a_class_may_have_any_name(tmp_path: Path, name: str) -> None:
    data = loaded(3, name="csv", path=csv(tmp_path, table().replace("yes", name)), label=" kind ")
    assert sorted(data.classes) == sorted(["no", name])
    assert data.truth.tolist().count(data.classes.index(name)) == 4


@pytest.mark.parametrize(("first", "said"), [(0, True), (1, True), (7, False)])
def test_a_column_that_counts_the_rows_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: int, said: bool
) -> None:
    header, *rows = table().splitlines()
    numbered = [f"{first + row},{line}" for row, line in enumerate(rows)]
    path = csv(tmp_path, "\n".join([f"number,{header}", *numbered]))
    data = loaded(3, name="csv", path=path, label="kind")
    assert data.features == ("number", "height", "width")
    assert ("the column 'number' counts the rows" in capsys.readouterr().err) == said


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read as a table"):
        loaded(name="csv", path=tmp_path / "none.csv")
    (tmp_path / "mine.csv").write_bytes(b"a,b\n\xff\xfe,2\n")
    with pytest.raises(UserError, match="cannot be read as a table"):
        loaded(name="csv", path=tmp_path / "mine.csv")


def test_some_copies_are_no_error() -> None:
    """Iris itself has one flower twice."""
    data = loaded(name="iris")
    assert len(np.unique(data.points, axis=0)) < len(data.points)


@given(
    arrays(np.float64, (5, 3), elements=st.floats(-1e6, 1e6)),
    st.sampled_from([0.0, 1.0, -3e5]),
)
def test_constant_columns_are_left_out_and_the_others_standardised(
    points: np.ndarray, value: float
) -> None:
    points[:, 1] = value
    scores, kept = standardised(points)
    assert not kept[1]
    assert scores.shape == (5, kept.sum())
    if kept.any():
        np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-3)
        np.testing.assert_allclose(scores.std(axis=0), 1, atol=1e-3)


def test_the_edges_are_fewer_where_there_are_fewer_points() -> None:
    line = np.array([[0.0], [1.0], [3.0]])
    # From 0: 1, 3; from 1: 1, 2; from 3: 2, 3.
    assert median_edge(line, 10) == 2.0
    assert median_edge(line, 1) == 1.0


@pytest.mark.parametrize("name", ["iris", "blobs"])
def test_what_is_saved_is_read_again(tmp_path: Path, name: str) -> None:
    data = loaded(**SHIPPED[name][0])
    save_points(tmp_path / "data.npz", data)
    again = read_points(tmp_path / "data.npz")
    assert (again.points == data.points).all()
    assert (again.truth == data.truth).all()
    for key in ("classes", "features", "dropped", "scale"):
        assert getattr(again, key) == getattr(data, key)


def test_unknown_classes_stay_unknown(tmp_path: Path) -> None:
    text = "\n".join(line.rsplit(",", 1)[0] for line in table().splitlines())
    data = loaded(3, name="csv", path=csv(tmp_path, text))
    save_points(tmp_path / "data.npz", data)
    again = read_points(tmp_path / "data.npz")
    assert again.truth is None
    assert again.classes == ()
    assert again.dropped == ("site",)


def test_another_npz_is_no_point_set(tmp_path: Path) -> None:
    write_npz(tmp_path / "other.npz", {"points": np.zeros((3, 2))})
    with pytest.raises(UserError, match="'truth' is missing"):
        read_points(tmp_path / "other.npz")
    with pytest.raises(UserError, match="cannot be read"):
        read_points(tmp_path / "none.npz")

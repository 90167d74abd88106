import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from advlearn.settings.cluster import (
    CLUSTERERS,
    ClusterSettings,
    OwnClusterer,
    SettingName,
    setting_name,
)
from advlearn.support.errors import UserError


def test_setting_names() -> None:
    assert setting_name(n_clusters=4) == "n_clusters=4"
    assert setting_name(eps_quantile=0.5, min_samples=10) == "eps_quantile=0.5,min_samples=10"
    assert setting_name(n_clusters=4).n_clusters == 4
    assert setting_name(eps_quantile=0.5, min_samples=10).n_clusters is None
    # A name is never read back: it knows its number, or there is none.
    assert SettingName("n_clusters=4").n_clusters is None
    assert SettingName.of("n_clusters=4", 4).n_clusters == 4


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"kmeans": {"n_clusters": []}}', "kmeans.n_clusters"),
        ('{"kmeans": {"n_clusters": [0]}}', "kmeans.n_clusters.0"),
        ('{"kmeans": {"n_clusters": [2, 2]}}', "kmeans.n_clusters"),
        ('{"kmeans": {"n_init": 0}}', "kmeans.n_init"),
        ('{"agglomerative": {"n_clusters": []}}', "agglomerative.n_clusters"),
        ('{"dbscan": {"eps_quantile": []}}', "dbscan.eps_quantile"),
        ('{"dbscan": {"eps_quantile": [1.5]}}', "dbscan.eps_quantile.0"),
        ('{"dbscan": {"eps": [0]}}', "dbscan.eps.0"),
        ('{"dbscan": {"eps": [1.0], "eps_quantile": [0.5]}}', "exactly one"),
        ('{"dbscan": {"eps_quantile": null}}', "exactly one"),
        ('{"dbscan": {"min_samples": []}}', "dbscan.min_samples"),
        ('{"hdbscan": {"min_cluster_size": []}}', "hdbscan.min_cluster_size"),
        ('{"hdbscan": {"min_cluster_size": [1]}}', "neither a whole number"),
        ('{"hdbscan": {"min_cluster_size": [2.5]}}', "neither a whole number"),
        ('{"own": {"kmeans": {"function": "a:b"}}}', "is taken"),
        ('{"own": {"single": {"function": "a:b"}}}', "is taken"),
        ('{"own": {"a/b": {"function": "a:b"}}}', "lower-case"),
        ('{"own": {"mine": {"function": "no colon"}}}', "own.mine.function"),
        ('{"spectral": {}}', "spectral"),
    ],
)
def test_wrong_value_is_named(text: str, key: str) -> None:
    with pytest.raises(UserError) as error:
        ClusterSettings.from_json(text)
    assert key in str(error.value)


def test_eps_alone_switches_the_quantiles_off() -> None:
    dbscan = ClusterSettings.from_json('{"dbscan": {"eps": [0.3]}}').dbscan
    assert (dbscan.eps, dbscan.eps_quantile) == ([0.3], None)


def test_job_json_holds_its_own_group_only() -> None:
    settings = ClusterSettings.model_validate(
        {"kmeans": {"n_init": 3}, "own": {"mine": {"function": "a.b:c", "settings": {"k": [2]}}}}
    )
    for name in settings.known():
        text = settings.json_for(name)
        top = json.loads(text)
        assert set(top) == ({name} if name in CLUSTERERS else {"own"})
        assert ClusterSettings.from_json(text).of(name) == settings.of(name)
    assert settings.known() == [*CLUSTERERS, "mine"]


def test_unknown_clusterer_lists_the_known() -> None:
    with pytest.raises(UserError, match="unknown clusterer 'spectral'") as error:
        ClusterSettings().of("spectral")
    assert "agglomerative, dbscan, hdbscan, kmeans" in error.value.remedy


@pytest.mark.parametrize(
    ("clusterer", "group", "key"),
    [
        ("kmeans", {"n_clusters": [2, 21]}, "cluster.kmeans.n_clusters"),
        ("agglomerative", {"n_clusters": [21]}, "cluster.agglomerative.n_clusters"),
        ("dbscan", {"min_samples": [21]}, "cluster.dbscan.min_samples"),
        ("hdbscan", {"min_cluster_size": [21]}, "cluster.hdbscan.min_cluster_size"),
        ("hdbscan", {"min_samples": 21}, "cluster.hdbscan.min_samples"),
    ],
)
def test_more_clusters_than_images(clusterer: str, group: dict[str, object], key: str) -> None:
    settings = ClusterSettings.model_validate({clusterer: group})
    settings.check_images(clusterer, 21)
    with pytest.raises(UserError, match="there are 20 images") as error:
        settings.check_images(clusterer, 20)
    assert key in error.value.where


def own_settings(text: str) -> object:
    values = {"function": "mylab:cluster", "settings": yaml.safe_load(text)}
    settings = ClusterSettings.model_validate({"own": {"mine": values}})
    # What the function of a job gets: the settings go there as JSON.
    read = ClusterSettings.from_json(settings.json_for("mine")).of("mine")
    assert isinstance(read, OwnClusterer)
    return read.settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{tol: 1e-3}", {"tol": 0.001}),
        ("{tol: 1E5}", {"tol": 1e5}),
        ("{tol: .5e-2, top: -2.e+1}", {"tol": 0.005, "top": -20.0}),
        ("{grid: [1e-3, {low: 2e-1}]}", {"grid": [0.001, {"low": 0.2}]}),
        ("{n: 3, on: true, none: null, x: 0.5}", {"n": 3, "on": True, "none": None, "x": 0.5}),
        ("{name: ward, e: e5, part: 1e5x, dots: '1.2.3'}",
         {"name": "ward", "e": "e5", "part": "1e5x", "dots": "1.2.3"}),
    ],
)  # fmt: skip
def test_numbers_of_own_settings_reach_the_function_as_numbers(text: str, expected: object) -> None:
    found = own_settings(text.replace("on:", "'on':"))
    assert found == expected
    assert repr(found) == repr(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{tol: .inf}", "tol: inf is no finite number"),
        ("{tol: [.nan]}", r"tol\[0\]: nan is no finite number"),
        ("{tol: 1e999}", "tol: inf is no finite number"),
        ("{day: 2026-01-01}", "day: 2026-01-01 is read as date"),
        ("{a: {1: 2}}", "a: the key 1 is no text"),
    ],
)
def test_own_settings_that_would_not_arrive_as_they_are(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        own_settings(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_arrives_however_it_is_written(number: float) -> None:
    for text in (f"{number!r}", f"{number:e}", f"{number:.17E}"):
        found = own_settings(f"{{x: {text}}}")
        assert isinstance(found, dict)
        assert found["x"] == float(text)

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from advlearn.config import Config, check_keys_once, load, load_file
from advlearn.studies.selective.search.space import draws, follows_the_size
from advlearn.support.errors import UserError
from tests.helpers.configuration import merged

ROOT = Path(__file__).parents[2]


@pytest.fixture
def full() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    return values


def changed(full: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    change: Any = value
    for key in reversed(path.split(".")):
        change = {key: change}
    return merged(full, change)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "file",
    [
        "demo.yaml",
        "smoke.yaml",
        *(f"scenarios/{p.name}" for p in sorted((ROOT / "config/scenarios").glob("*.yaml"))),
    ],
)
def test_every_shipped_configuration_is_valid(full: dict[str, Any], file: str) -> None:
    change = yaml.safe_load((ROOT / "config" / file).read_text())
    if change.get("topk", {}).get("dataset") == "nuswide":
        # No address is known from which it could be downloaded: the folder is the user's.
        with pytest.raises(UserError, match="no official address") as error:
            load(merged(full, change), file)
        assert "topk.photos.root" in error.value.where
        change = merged(change, {"topk": {"photos": {"root": "copy"}}})
    config = load(merged(full, change), file)
    assert config.run != "paper"
    assert config.selective.lines()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("topk.label_sets.loops", [0, 10], "label 10 does not exist: scenes has 10 labels"),
        ("topk.k", [2, 10], "k must be below the number of labels: scenes has 10"),
        ("topk.focus", {"k": 10, "n_specified": 2}, "k must be below the number of labels"),
    ],
)
def test_labels_that_the_data_set_does_not_have(
    full: dict[str, Any], path: str, value: Any, said: str
) -> None:
    with pytest.raises(UserError, match=said) as error:
        load(changed(full, path, value), "config.yaml")
    assert path.removesuffix(".focus") in error.value.where
    # Fewer labels or photos with more of them: the number is that of the data set.
    load(changed(changed(full, path, value), "topk.dataset", "voc2012"), "config.yaml")


def test_the_full_run_is_the_papers_design(full: dict[str, Any]) -> None:
    config = load(full, "config.yaml")
    assert len(config.seeds) == 10
    assert config.data.train_images is None
    assert config.selective.cluster.kmeans.n_clusters == list(range(1, 11))
    assert config.selective.cluster.agglomerative.n_clusters == list(range(1, 11))
    jobs = {(job.universe, job.attack, job.reduction) for job in config.selective.lines()}
    primary = config.selective.primary
    assert {(primary, "fgsm", "pca"), (primary, "pgd", "pca")} <= jobs
    assert {(primary, "fgsm", "none"), (primary, "fgsm", "tsne")} <= jobs


def test_the_universes_of_the_full_run_are_draws_of_the_search(full: dict[str, Any]) -> None:
    found = load(full, "config.yaml").selective.universes
    drawn = {}
    for name, universe in found.items():
        if named := re.match(r"Draw (\d+) of the search", universe.description):
            drawn[name] = int(named[1])
            (draw,) = draws(int(named[1]), 1)
            same = universe.model_dump(exclude={"description", "protocol", "sets"})
            assert same == draw.universe.model_dump(exclude={"description", "protocol", "sets"})
            assert universe.sets
            assert ("fixed" in universe.sets) != follows_the_size(draw.answers["adversarial_steps"])
    assert set(drawn) == {"plausible_1", "plausible_2", "plausible_3", "fixed_1"}
    assert {name for name, each in found.items() if each.sets} == set(drawn)


@pytest.mark.parametrize(
    ("path", "value", "message", "remedy"),
    [
        ("epsilonn", 1, "epsilonn: unknown key", "remove or rename 'epsilonn'"),
        ("selective.embed.colour", 1, "selective.embed.colour: unknown key", "rename"),
        ("threads", "many", "threads: .*valid integer.*many", "correct 'threads'"),
        ("seeds", [], "seeds: .*at least 1 item", "correct 'seeds'"),
        ("seeds", [1, 1], "1 is given twice", "correct 'seeds'"),
        ("seeds", [-1], "greater than or equal to 0", "correct 'seeds'"),
        ("run", "../elsewhere", "run: ", "correct 'run'"),
        ("data.dataset", "mnits", "unknown data set 'mnits'", "mnist"),
        ("data.validation_images", 0, "greater than or equal to 1", "correct"),
        (
            "selective.universes.small.attacks.fgsm.epsilon",
            -0.1,
            "epsilon: .*greater than or equal to 0.*-0.1",
            "correct 'selective.universes.small.attacks.fgsm",
        ),
        (
            "selective.universes.small.attacks.pgd.epsilon",
            float("nan"),
            "epsilon: .*finite number",
            "correct",
        ),
        (
            "selective.universes.small.attacks.fgsm.name",
            "deepfool",
            "deepfool.*'fgsm', 'pgd'",
            "correct",
        ),
        ("selective.universes.small.model.name", "vgg", "unknown model 'vgg'.*cnn, mlp", ""),
        ("selective.primary", "nearest", "unknown universe 'nearest'; known: plausible_1", ""),
        (
            "selective.grid",
            [
                {
                    "universes": ["plausible_1"],
                    "attacks": ["fgsm"],
                    "reductions": ["pca"],
                    "clusterers": ["birch"],
                }
            ],
            "unknown clusterer 'birch'",
            "agglomerative, dbscan, hdbscan, kmeans",
        ),
        (
            "selective.grid",
            [
                {
                    "universes": ["small"],
                    "attacks": ["square"],
                    "reductions": ["pca"],
                    "clusterers": ["kmeans"],
                }
            ],
            "has no attack 'square'; it has: fgsm, pgd",
            "",
        ),
        ("data.train_images", 5, "10 clusters, there are 5 images", "at most 5"),
        ("selective.cluster.kmeans.n_clusters", [], "at least 1 item", "correct"),
    ],
)
def test_bad_values_are_refused_before_any_job(
    full: dict[str, Any], path: str, value: Any, message: str, remedy: str
) -> None:
    with pytest.raises(UserError) as caught:
        load(changed(full, path, value), "my.yaml")
    text = str(caught.value)
    import re

    assert re.search(message, text, re.DOTALL), text
    assert remedy in caught.value.remedy, text
    assert caught.value.where


def test_a_cell_in_two_blocks_is_refused(full: dict[str, Any]) -> None:
    full["selective"]["grid"].append(full["selective"]["grid"][0])
    with pytest.raises(UserError, match="is in two blocks"):
        load(full, "my.yaml")


def test_file_that_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        load_file(tmp_path / "missing.yaml")
    (tmp_path / "list.yaml").write_text("[1, 2]")
    with pytest.raises(UserError, match="no mapping"):
        load_file(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(UserError, match="cannot read"):
        load_file(tmp_path / "broken.yaml")
    (tmp_path / "latin1.yaml").write_bytes("run: grün".encode("latin-1"))
    with pytest.raises(UserError, match="cannot read"):
        load_file(tmp_path / "latin1.yaml")


def test_resolved_configuration_is_itself_valid(full: dict[str, Any]) -> None:
    config = load(full, "config.yaml")
    assert Config.from_json(config.to_json()) == config


def test_names_stand_in_paths(full: dict[str, Any]) -> None:
    selective = full["selective"]
    universe = selective["universes"][selective["primary"]]
    attack = next(iter(universe["attacks"].values()))
    wrong = {
        "universe": {"universes": {"a b": universe}},
        "attack": {"universes": {"other": merged(universe, {"attacks": {"a/b": attack}})}},
    }
    for kind, change in wrong.items():
        with pytest.raises(UserError, match=f"{kind} name '.*': use letters, digits and under"):
            load(merged(full, {"selective": change}), "config.yaml")


# Each: a file, and the key and the lines that are named.
TWICE = {
    "run: a\nseeds: [0]\nrun: b\n": "run is given twice, in lines 1 and 3",
    "topk:\n  k: [1]\n  photos: {root: a, size: 32, root: b}\n": "topk.photos.root is given twice",
    "bilevel:\n  datasets:\n    flow: {}\n    flow: {}\n": "bilevel.datasets.flow",
    "selective:\n  grid:\n    - {a: 1}\n    - {a: 1, a: 2}\n": "selective.grid.1.a is given twice",
    '{"run": "a", "run": "b"}': "run is given twice",
    "\ufeffrun: a\n'run': b\n": "run is given twice",
}


@pytest.mark.parametrize("text", TWICE)
def test_a_key_that_is_given_twice(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    for read in (check_keys_once, load_file):
        with pytest.raises(UserError) as error:
            read(path)
        assert TWICE[text] in error.value.what
        assert error.value.where == str(path)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {k: 1}\nb: {<<: *x, k: 2}\nc: {k: 3}\n",
        "a: &x {k: 1}\nb: [*x, *x]\n",
        "a: &x [1, *x]\n",
        "",
        "- 1\n",
        "a: [\n",
        "{1: 2, [1]: 3}\n",
    ],
)
def test_keys_that_stand_once_in_their_place_pass(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    check_keys_once(path)
    check_keys_once(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "config").rglob("*.yaml")), ids=lambda p: p.name)
def test_shipped_configurations_give_every_key_once(path: Path) -> None:
    check_keys_once(path)


# Each: where a path stands in the configuration.
PATHS = {
    "sources.mirror": "mirror",
    "sources.root": "root",
    "topk.photos.root": "root",
    "bilevel.datasets.flow": "path",
    "topk.models.mine": "weights",
}


@pytest.mark.parametrize("place", PATHS)
def test_a_path_may_begin_at_home(
    place: str, full: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").touch()
    if place == "topk.models.mine":
        full = changed(full, "topk.dataset", "voc2012")

    def given(path: str) -> Any:
        return {
            "bilevel.datasets.flow": {"name": "csv", "path": path},
            "topk.models.mine": {"network": {"name": "resnet50", "weights": path}},
        }.get(place, path)

    assert str(tmp_path / "mine") in load(changed(full, place, given("~/mine")), "x").to_json()
    with pytest.raises(UserError, match="there is no such home folder") as error:
        load(changed(full, place, given("~nobody-has-this-name/mine")), "x")
    assert PATHS[place] in error.value.what


def test_a_configuration_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes("run: café\n".encode("latin-1"))
    with pytest.raises(UserError, match="cannot read the configuration") as error:
        load_file(path)
    assert error.value.where == str(path)

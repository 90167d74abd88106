import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.network import RetrainSettings
from advlearn.studies.selective.paper.page import page
from advlearn.studies.selective.schema import SCHEMA, SelectiveTidy
from advlearn.studies.selective.search.rows import write_rows
from advlearn.studies.selective.settings.collect import CollectedJob, CollectSettings
from advlearn.studies.selective.settings.jobs import EvaluateJob, EvaluationSettings
from advlearn.studies.selective.settings.strengthen import StrengthenJob, StrongSettings
from advlearn.studies.selective.settings.universe import UniverseSettings
from advlearn.studies.selective.stages.collect import collect
from advlearn.studies.selective.stages.evaluate import evaluate
from advlearn.studies.selective.stages.strengthen import strengthen
from advlearn.support.choices import choices_table
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, read_npy, read_npz, write_json, write_npy
from advlearn.support.manifest import Manifest
from tests.helpers.searched import rows
from tests.helpers.tiny import TinyRun

ROOT = Path(__file__).parents[5]
STRONG = StrongSettings(images=20, steps=2, queries=5, targets=1)


def files(run: Path) -> Manifest:
    """Where the rules put the files of a run."""
    of_line = "{universe}/seed{seed}/{attack}"
    paths = {
        "evaluation": f"evaluation/{of_line}/{{reduction}}.csv",
        "sanity": f"evaluation/{of_line}/{{reduction}}.sanity.csv",
        "strength": f"strength/{of_line}/{{reduction}}.csv",
        "selection": f"selections/{of_line}/{{reduction}}.csv",
        "losses": f"retrained/{of_line}/{{reduction}}.csv",
        "embedding": f"embeddings/{of_line}/{{reduction}}.npy",
        "clusters": f"clusters/{of_line}/{{reduction}}/{{clusterer}}.parquet",
        "outcomes": f"adversarial/{of_line}/outcomes.parquet",
        "test": f"adversarial/{of_line}/test.npy",
        "calibration": "search/first/{block}.csv",
        "confirmation": "search/second/{part}.csv",
    }
    return Manifest({kind: f"{run}/{path}" for kind, path in paths.items()})


def settings() -> CollectSettings:
    universe: dict[str, Any] = {
        "model": {"name": "mlp", "hidden": []},
        "attacks": {"fgsm": {"epsilon": 0.1}},
        "protocol": "whitebox",
    }
    return CollectSettings(
        run="tiny",
        seeds=(0,),
        blocks=(0, 1),
        parts=(0,),
        jobs=(
            CollectedJob(
                universe="u", attack="fgsm", reduction="pca", clusterers=("kmeans",), seeds=(0,)
            ),
        ),
        primary="u",
        protocol="whitebox",
        universes={"u": universe},
        study={"seeds": [0], "embed": {"n_components": 2}},
        strong=STRONG,
    )


@pytest.fixture(scope="module")
def tidy(tiny: TinyRun) -> Path:
    run = tiny.folder
    part = Path("u") / "seed0" / "fgsm"
    retrained = run / "retrained" / part / "pca.safetensors"
    tiny.retrain(retrained, RetrainSettings(batch_size=32))
    evaluate(
        data=tiny.data,
        weights=tiny.weights,
        adversarial=tiny.outcomes,
        selection=tiny.selection,
        retrained=retrained,
        settings=EvaluateJob(attack=tiny.attack, evaluation=EvaluationSettings()),
        universe="u",
        attack="fgsm",
        reduction="pca",
        seed=0,
        out=run / "evaluation" / part / "pca.csv",
        device="cpu",
    )
    strengthen(
        data=tiny.data,
        weights=tiny.weights,
        selection=tiny.selection,
        retrained=retrained,
        verdicts=run / "evaluation" / part / "pca.npz",
        settings=StrengthenJob(attack=tiny.attack, strong=STRONG),
        universe="u",
        attack="fgsm",
        reduction="pca",
        seed=0,
        out=run / "strength" / part / "pca.csv",
        device="cpu",
    )
    for block in (0, 1):
        some = [rows(2 * block + i, seeds=(0,), stage="first")[0] for i in (0, 1)]
        write_rows(run / "search" / "first" / f"{block}.csv", some)
    write_rows(run / "search" / "second" / "0.csv", [*rows(3), *rows(1)])
    write_npy(
        run / "embeddings" / part / "pca.npy",
        np.random.default_rng(0).normal(size=(150, 2)).astype(np.float32),
    )
    clusters = run / "clusters" / part / "pca" / "kmeans.parquet"
    clusters.parent.mkdir(parents=True)
    clusters.write_bytes((run / "clusters" / "kmeans.parquet").read_bytes())
    out = run / "tidy" / "selective_metrics.csv"
    collect(
        files=files(run),
        data=tiny.data,
        choices=ROOT / "config" / "published" / "selective" / "selective_choices.csv",
        settings=settings(),
        out=out,
    )
    return out.parent


def test_tables_and_figures_can_read_it(tidy: Path) -> None:
    loaded = SelectiveTidy(tidy, ROOT / "config" / "published")
    assert loaded.study.run == "tiny"
    assert loaded.study.images == {"train": 150, "validation": 50, "test": 60}
    for name in loaded.schema.tables:
        assert len(loaded[name]), name


def test_images_of_two_splits_reach_the_report(tidy: Path, tiny: TinyRun, tmp_path: Path) -> None:
    assert "shared" not in read_json(tidy / SCHEMA.record)
    assert "share" not in page(SelectiveTidy(tidy, ROOT / "config" / "published")).subtitle
    data = shutil.copytree(tiny.data.parent, tmp_path / "data") / tiny.data.name
    write_json(data, {**read_json(data), "shared": {"train and test": 7}})
    collect(
        files=files(tiny.folder),
        data=data,
        choices=ROOT / "config" / "published" / "selective" / "selective_choices.csv",
        settings=settings(),
        out=tmp_path / "tidy" / "selective_metrics.csv",
    )
    run = SelectiveTidy(tmp_path / "tidy", ROOT / "config" / "published")
    assert page(run).subtitle.endswith("byte for byte: 7 of the test split in the train split.")


def collected(tiny: TinyRun, folder: Path, how: CollectSettings, run: Path | None = None) -> Path:
    collect(
        files=files(run or tiny.folder),
        data=tiny.data,
        choices=ROOT / "config" / "published" / "selective" / "selective_choices.csv",
        settings=how,
        out=folder / "selective_metrics.csv",
    )
    return folder / "selective_strength.csv"


def test_a_run_without_a_search_has_no_rows_of_it(
    tidy: Path, tiny: TinyRun, tmp_path: Path
) -> None:
    without = settings().model_copy(update={"blocks": (), "parts": (), "left_out": ("confirm",)})
    collected(tiny, tmp_path, without)
    run = SelectiveTidy(tmp_path, ROOT / "config" / "published")
    assert run.left_out == ["confirm"]
    assert run["selective_universes"].empty
    assert (tmp_path / "selective_metrics.csv").read_bytes() == (
        tidy / "selective_metrics.csv"
    ).read_bytes()


def test_strong_attacks_are_those_of_the_stage(tidy: Path, tiny: TinyRun) -> None:
    pd.testing.assert_frame_equal(
        read_csv(tidy / "selective_strength.csv"),
        read_csv(tiny.folder / "strength" / "u" / "seed0" / "fgsm" / "pca.csv"),
        check_dtype=False,
    )


def test_without_strong_attacks_their_table_has_no_rows(
    tidy: Path, tiny: TinyRun, tmp_path: Path
) -> None:
    none = settings().model_copy(update={"strong": None})
    table = collected(tiny, tmp_path, none, tiny.folder)
    assert read_csv(table).empty
    run = SelectiveTidy(tmp_path, ROOT / "config" / "published")
    assert run["selective_strength"].empty
    # A folder of a version before the stage has no file; one whose file is lost is damaged.
    table.unlink()
    lost = SelectiveTidy(tmp_path, ROOT / "config" / "published")
    with pytest.raises(UserError, match=r"selective_strength\.csv is missing"):
        lost["selective_strength"]
    record = read_json(tmp_path / SCHEMA.record)
    del record["files"]["selective_strength.csv"]
    write_json(tmp_path / SCHEMA.record, record)
    old = SelectiveTidy(tmp_path, ROOT / "config" / "published")
    assert list(old["selective_strength"]) == list(SCHEMA.tables["selective_strength"].columns)
    assert old["selective_strength"].empty


def test_rows_of_strong_attacks_that_are_missing_are_an_error(
    tidy: Path, tiny: TinyRun, tmp_path: Path
) -> None:
    run = shutil.copytree(tiny.folder, tmp_path / "run")
    path = run / "strength" / "u" / "seed0" / "fgsm" / "pca.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")
    with pytest.raises(UserError, match="selection asks for"):
        collected(tiny, tmp_path / "tidy", settings(), run)


def test_metrics_are_the_evaluations(tidy: Path, tiny: TinyRun) -> None:
    evaluated = read_csv(tiny.folder / "evaluation" / "u" / "seed0" / "fgsm" / "pca.csv")
    metrics = read_csv(tidy / "selective_metrics.csv")
    steps = metrics.pop("n_steps")
    pd.testing.assert_frame_equal(metrics, evaluated, check_dtype=False)
    losses = read_csv(tiny.folder / "retrained" / "u" / "seed0" / "fgsm" / "pca.csv")
    of_digest = {"classic": 0, **losses.set_index("digest")["n_steps"]}
    assert steps.tolist() == [of_digest[digest] for digest in metrics["digest"]]
    assert steps.nunique() > 2


def test_map_marks_the_cluster_that_was_chosen(tidy: Path, tiny: TinyRun) -> None:
    points = read_csv(tidy / "selective_embedding.csv")
    assert set(points["setting"]) == {"n_clusters=2"}, "the largest of at most eight"
    cells = read_csv(tiny.selection)
    chosen = cells[(cells["setting"] == "n_clusters=2") & (cells["rule"] == "random")]
    assert set(points.loc[points["chosen"] == 1, "cluster"]) == set(chosen["cluster"])
    assert set(points.loc[points["chosen"] == 0, "cluster"]) == {0, 1} - set(chosen["cluster"])
    assert len(points) == 150


def test_examples_are_the_crafted_images_with_their_predictions(tidy: Path, tiny: TinyRun) -> None:
    examples = read_npz(tidy / "selective_examples.npz")
    outcomes = pd.read_parquet(tiny.outcomes)
    outcomes = outcomes[outcomes["split"] == "test"].set_index("position")
    images = read_npy(tiny.outcomes.with_name("test.npy"))
    assert len(set(examples["label"])) == len(examples["label"]) == 5
    for shown, label, prediction in zip(
        examples["adversarial_fgsm"], examples["label"], examples["prediction_fgsm"], strict=True
    ):
        position = int(np.flatnonzero((images == shown).all(axis=(1, 2, 3)))[0])
        assert outcomes.loc[position, "label"] == label
        assert outcomes.loc[position, "adversarial_prediction"] == prediction


def test_universes_are_those_of_both_stages_in_order(tidy: Path) -> None:
    universes = read_csv(tidy / "selective_universes.csv")
    first = universes[universes["stage"] == "first"]
    assert list(first["universe"]) == [0, 1, 2, 3]
    second = universes[universes["stage"] == "second"]
    assert list(second["universe"]) == [1] * 5 + [3] * 5
    assert list(second["seed"]) == [*range(5)] * 2
    assert len(universes) == 14


def test_every_open_choice_has_the_value_that_was_used(tidy: Path) -> None:
    choices = read_csv(tidy / "selective_choices.csv").set_index("key")
    assert choices.loc["universe.attacks.fgsm.epsilon", "value"] == "0.1"
    assert choices.loc["study.embed.n_components", "value"] == "2"
    assert choices.loc["universe.attacks.pgd.ball", "value"] == "not a setting"
    assert choices["paper"].notna().all()


def test_every_open_choice_is_a_key_of_the_configuration() -> None:
    questions = read_csv(ROOT / "config" / "published" / "selective" / "selective_choices.csv")
    universe = UniverseSettings(
        description="all attacks", attacks={"fgsm": FgsmSettings(), "pgd": PgdSettings()}
    ).model_dump(mode="json")
    answers = choices_table(
        questions[questions["key"].str.startswith("universe.")], {"all": universe}
    )
    assert "not a setting" not in set(answers["value"])


def test_same_inputs_same_bytes(tidy: Path, tiny: TinyRun, tmp_path: Path) -> None:
    collect(
        files=files(tiny.folder),
        data=tiny.data,
        choices=ROOT / "config" / "published" / "selective" / "selective_choices.csv",
        settings=settings(),
        out=tmp_path / "selective_metrics.csv",
    )
    for file in tidy.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name
    assert read_json(tidy / "selective_study.json")["versions"]["torch"]

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.network import RetrainSettings, TrainingSettings
from advlearn.studies.selective.paper.page import page
from advlearn.studies.selective.schema import SCHEMA, SelectiveTidy
from advlearn.studies.selective.settings.calibrate import CalibrateSettings
from advlearn.studies.selective.settings.collect import CollectedJob, CollectSettings
from advlearn.studies.selective.settings.jobs import EvaluateJob, EvaluationSettings
from advlearn.studies.selective.settings.universe import UniverseSettings
from advlearn.studies.selective.stages.calibrate import calibrate
from advlearn.studies.selective.stages.collect import collect
from advlearn.studies.selective.stages.evaluate import evaluate
from advlearn.support.choices import choices_table
from advlearn.support.io import read_csv, read_json, read_npy, read_npz, write_json, write_npy
from advlearn.support.manifest import Manifest
from tests.helpers.tiny import TinyRun

ROOT = Path(__file__).parents[5]


def files(run: Path) -> Manifest:
    """Where the rules put the files of a run."""
    of_line = "{universe}/seed{seed}/{attack}"
    paths = {
        "evaluation": f"evaluation/{of_line}/{{reduction}}.csv",
        "sanity": f"evaluation/{of_line}/{{reduction}}.sanity.csv",
        "selection": f"selections/{of_line}/{{reduction}}.csv",
        "embedding": f"embeddings/{of_line}/{{reduction}}.npy",
        "clusters": f"clusters/{of_line}/{{reduction}}/{{clusterer}}.parquet",
        "outcomes": f"adversarial/{of_line}/outcomes.parquet",
        "test": f"adversarial/{of_line}/test.npy",
        "calibration": "calibration/seed{seed}.csv",
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
        calibration_seeds=(0,),
        jobs=(CollectedJob(universe="u", attack="fgsm", reduction="pca", clusterers=("kmeans",)),),
        primary="u",
        protocol="whitebox",
        universes={"u": universe},
        study={"seeds": [0], "embed": {"n_components": 2}},
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
    calibrate(
        data=tiny.data,
        settings=CalibrateSettings(
            models=(tiny.model,),
            training=TrainingSettings(epochs=1),
            epsilons=(0.1,),
            pgd_steps=2,
            starts=("pretrained",),
            craftings=("static",),
        ),
        seed=0,
        out=run / "calibration" / "seed0.csv",
        device="cpu",
    )
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


def test_metrics_are_the_evaluations(tidy: Path, tiny: TinyRun) -> None:
    evaluated = read_csv(tiny.folder / "evaluation" / "u" / "seed0" / "fgsm" / "pca.csv")
    pd.testing.assert_frame_equal(
        read_csv(tidy / "selective_metrics.csv"), evaluated, check_dtype=False
    )


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


def test_universes_are_numbered_and_complete(tidy: Path) -> None:
    calibration = read_csv(tidy / "selective_calibration.csv")
    assert set(calibration.groupby("universe_id").size()) == {6}
    assert calibration["universe_id"].min() == 1


def test_every_open_choice_has_the_value_that_was_used(tidy: Path) -> None:
    choices = read_csv(tidy / "choices.csv").set_index("key")
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
    assert read_json(tidy / "study.json")["versions"]["torch"]

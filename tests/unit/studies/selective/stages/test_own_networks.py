"""Networks of a user's own through the stages, on 150 digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from advlearn.settings.attack import FgsmSettings
from advlearn.settings.cluster import setting_name
from advlearn.settings.network import NetworkSettings, RetrainSettings, TrainingSettings
from advlearn.studies.selective.cell import Cell, write_cells
from advlearn.studies.selective.settings.jobs import (
    CraftJob,
    EvaluateJob,
    EvaluationSettings,
    PretrainJob,
)
from advlearn.studies.selective.stages.craft import craft
from advlearn.studies.selective.stages.evaluate import evaluate
from advlearn.studies.selective.stages.pretrain import pretrain
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, write_npz
from tests.helpers.tiny import TinyRun

SETS = {"none": 0, "one": 1, "batch_and_one": 33, "two": 2}


class OwnRun(TinyRun):
    """A run on the data of another, with a network of the user's own."""

    source: TinyRun

    @property
    def data(self) -> Path:
        return self.source.data

    def pretrain(self, batch_size: int = 149) -> None:
        pretrain(
            data=self.data,
            settings=PretrainJob(
                model=self.model,
                training=TrainingSettings(epochs=12, batch_size=batch_size, learning_rate=0.01),
            ),
            seed=0,
            out=self.weights,
            device="cpu",
        )

    def craft(self) -> None:
        craft(
            data=self.data,
            weights=self.weights,
            settings=CraftJob(attack=self.attack),
            seed=0,
            out=self.outcomes,
            device="cpu",
        )

    def select(self) -> None:
        """Sets of no image, of one, and of one more than a batch."""
        one = setting_name(n_clusters=1)
        cells = [Cell("kmeans", one, "every", 0, n, 0, name) for name, n in SETS.items()]
        self.selection.parent.mkdir(parents=True)
        write_cells(self.selection, [Cell("single", one, "classic", 0, 0, 0, "classic"), *cells])
        chosen = {name: np.arange(n, dtype=np.int32) for name, n in SETS.items()}
        write_npz(self.selection.with_suffix(".npz"), chosen)

    def evaluate(self, retrained: Path, out: Path) -> None:
        evaluate(
            data=self.data,
            weights=self.weights,
            adversarial=self.outcomes,
            selection=self.selection,
            retrained=retrained,
            settings=EvaluateJob(
                attack=self.attack,
                evaluation=EvaluationSettings(validation_images=20, sanity_images=30),
            ),
            universe="u",
            attack="fgsm",
            reduction="pca",
            seed=0,
            out=out,
            device="cpu",
        )


def own(tiny: TinyRun, folder: Path, name: str) -> OwnRun:
    run = OwnRun(
        folder, NetworkSettings(name=f"tests.helpers.hostile:{name}"), FgsmSettings(epsilon=0.1)
    )
    object.__setattr__(run, "source", tiny)
    return run


@pytest.mark.parametrize("name", ["plain", "rowsums", "normed", "shared"])
@pytest.mark.parametrize("schedule", ["interleaved", "adversarial_only", "mixed"])
def test_networks_with_a_gradient_come_to_their_accuracies(
    tiny: TinyRun, tmp_path: Path, name: str, schedule: str
) -> None:
    run = own(tiny, tmp_path, name)
    run.pretrain()
    run.craft()
    run.select()
    settings = RetrainSettings.model_validate({"batch_size": 32, "schedule": schedule})
    run.retrain(tmp_path / "pca.safetensors", settings)
    run.evaluate(tmp_path / "pca.safetensors", tmp_path / "evaluated.csv")
    found = read_csv(tmp_path / "evaluated.csv")
    classic = found[(found["rule"] == "classic") & (found["split"] == "test")]
    values = classic[classic["protocol"] == "whitebox"].set_index("metric")["value"]
    assert values["clean_accuracy"] > 0.3
    assert values["adversarial_accuracy"] < values["clean_accuracy"]
    assert found["value"].between(0, 1).all()


def test_a_gradient_that_is_nan_stops_the_run(tiny: TinyRun, tmp_path: Path) -> None:
    run = own(tiny, tmp_path, "still")
    run.pretrain()
    with pytest.raises(UserError, match="input gradients are not finite for 150 of 150 images"):
        run.craft()
    assert not run.outcomes.exists()


def test_a_network_that_only_bears_clean_images_stops_the_run(
    tiny: TinyRun, tmp_path: Path
) -> None:
    run = own(tiny, tmp_path, "brittle")
    run.pretrain()
    with pytest.raises(UserError, match="logits are not finite for 150 of 150 images"):
        run.craft()


def test_the_evaluation_stops_as_well(tiny: TinyRun, tmp_path: Path) -> None:
    crafted = own(tiny, tmp_path / "plain", "plain")
    crafted.pretrain()
    crafted.craft()
    crafted.select()
    run = own(tiny, tmp_path / "still", "still")
    run.pretrain()
    run.outcomes.parent.parent.mkdir(parents=True)
    run.outcomes.parent.symlink_to(crafted.outcomes.parent)
    run.select()
    run.retrain(tmp_path / "pca.safetensors", RetrainSettings(batch_size=32))
    with pytest.raises(UserError, match=r"input gradients are not finite for \d+ of \d+ images"):
        run.evaluate(tmp_path / "pca.safetensors", tmp_path / "evaluated.csv")
    assert not (tmp_path / "evaluated.csv").exists()


def test_batches_of_one_are_refused_before_batch_normalisation_is_trained(
    tiny: TinyRun, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="batches of one image"):
        own(tiny, tmp_path, "normed").pretrain(batch_size=1)
    run = own(tiny, tmp_path, "plain")
    run.pretrain(batch_size=1)
    assert run.weights.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("squeezed", r"returns \(10,\) for 1 images"),
        ("transposed", r"returns \(10, 1\) for 1 images"),
        ("too_narrow", r"returns \(1, 9\) for 1 images"),
        ("with_features", "returns tuple for 1 images"),
        ("in_place", "writes into the images"),
        ("other_size", "cannot be applied to images"),
        ("weightless", "has no weights"),
        ("no_module", "no torch.nn.Module"),
        ("frozen", "has frozen weights only"),
        ("whole", r"logits of the type torch\.int64"),
        ("noisy", "other logits for the same images each time"),
        ("sociable", "mixes the images of a batch"),
        ("stuck", "cannot take back its own weights"),
        ("auxiliary", "returns tuple for 2 images in training mode"),
    ],
)
def test_a_network_that_does_not_fit_is_refused_before_it_is_trained(
    tiny: TinyRun, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        own(tiny, tmp_path, name).pretrain()
    assert f"hostile:{name}" in str(caught.value)
    assert "logits (n, 10)" in caught.value.remedy

from pathlib import Path

import torch

from advlearn.data.store import load_split
from advlearn.learners.networks.weights import load_network
from advlearn.metrics.accuracy import correct
from advlearn.settings.network import TrainingSettings
from advlearn.studies.selective.settings.jobs import PretrainJob
from advlearn.studies.selective.stages.pretrain import pretrain
from advlearn.support.io import read_csv
from tests.helpers.tiny import TinyRun


def test_classifier_learns_and_its_history_is_true(tiny: TinyRun) -> None:
    history = read_csv(tiny.weights.with_name("training.csv"))
    assert history["epoch"].tolist() == list(range(1, 9))
    assert history["loss"].iloc[-1] < history["loss"].iloc[0] / 2
    held_out = load_split(tiny.data, "validation")
    accuracy = correct(
        load_network(tiny.weights),
        torch.from_numpy(held_out.images),
        torch.from_numpy(held_out.labels),
    ).mean()
    assert abs(history["validation_accuracy"].iloc[-1] - accuracy) < 1e-9
    assert accuracy > 0.7


def test_same_seed_same_bytes_other_seed_other_weights(tiny: TinyRun, tmp_path: Path) -> None:
    settings = PretrainJob(model=tiny.model, training=TrainingSettings(epochs=1))
    content = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        out = tmp_path / name / "classifier.safetensors"
        pretrain(data=tiny.data, settings=settings, seed=seed, out=out, device="cpu")
        content.append(out.read_bytes())
    assert content[0] == content[1] != content[2]


def test_training_stops_at_an_accuracy_of_the_validation_images(
    tiny: TinyRun, tmp_path: Path
) -> None:
    training = TrainingSettings(epochs=50, stop_at=0.7)
    out = tmp_path / "classifier.safetensors"
    settings = PretrainJob(model=tiny.model, training=training)
    pretrain(data=tiny.data, settings=settings, seed=0, out=out, device="cpu")
    history = read_csv(out.with_name("training.csv"))
    assert (history["validation_accuracy"].iloc[:-1] < 0.7).all()
    assert history["validation_accuracy"].iloc[-1] >= 0.7
    assert 1 < len(history) < 50

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advlearn.attacks.stacked_robustness import stacked_verdicts
from advlearn.data import store
from advlearn.data.store import load_split
from advlearn.learners.networks.stack import Stack
from advlearn.learners.networks.weights import load_networks
from advlearn.settings.attack import PgdSettings
from advlearn.settings.network import RetrainSettings
from advlearn.studies.selective.settings.jobs import EvaluateJob, EvaluationSettings
from advlearn.studies.selective.stages import evaluate as stage
from advlearn.studies.selective.stages.evaluate import evaluate
from advlearn.support.io import read_csv, read_npy, read_npz
from advlearn.training import stack
from tests.helpers.tiny import TinyRun


@pytest.fixture(scope="module")
def evaluated(tiny: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    tiny.retrain(folder / "retrained.safetensors", RetrainSettings(batch_size=32))
    run(tiny, folder)
    return folder


def run(tiny: TinyRun, folder: Path, attack: PgdSettings | None = None) -> None:
    evaluate(
        data=tiny.data,
        weights=tiny.weights,
        adversarial=tiny.outcomes,
        selection=tiny.selection,
        retrained=folder / "retrained.safetensors",
        settings=EvaluateJob(
            attack=attack or tiny.attack,
            evaluation=EvaluationSettings(validation_images=20, sanity_images=30),
        ),
        universe="u",
        attack="fgsm",
        reduction="pca",
        seed=0,
        out=folder / "pca.csv",
        device="cpu",
    )


def test_blocks_change_nothing_without_random_starts(
    evaluated: Path, tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BLOCK", 7)
    (tmp_path / "retrained.safetensors").symlink_to(evaluated / "retrained.safetensors")
    run(tiny, tmp_path)
    for name in ("pca.csv", "pca.sanity.csv"):
        assert (tmp_path / name).read_bytes() == (evaluated / name).read_bytes()
    assert read_npz(tmp_path / "pca.npz").keys() == read_npz(evaluated / "pca.npz").keys()


@pytest.mark.parametrize("attack", [None, PgdSettings(epsilon=0.1, steps=4, restarts=2)])
def test_side_by_side_as_on_a_gpu(
    attack: PgdSettings | None,
    evaluated: Path,
    tiny: TinyRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same files: no verdict of these images hangs on a rounding."""
    for name in ("alone", "stack"):
        (tmp_path / name).mkdir()
        source = evaluated / "retrained.safetensors"
        (tmp_path / name / "retrained.safetensors").symlink_to(source)
    run(tiny, tmp_path / "alone", attack)
    monkeypatch.setattr(stage, "pays", lambda device, network, images: True)
    # Several stacks, and several blocks of images.
    monkeypatch.setattr(stack, "_MEMBERS", 4)
    stacks: list[int] = []

    def counted(models: Stack, *args: Any, **known: Any) -> Any:
        stacks.append(len(models))
        return stacked_verdicts(models, *args, **known)

    monkeypatch.setattr(stage, "stacked_verdicts", counted)
    run(tiny, tmp_path / "stack", attack)
    assert max(stacks) == 4
    assert sum(stacks) == 2 * read_csv(tiny.selection)["digest"].nunique()
    for name in ("pca.csv", "pca.sanity.csv", "pca.npz"):
        assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "stack" / name).read_bytes()


def test_every_cell_has_every_measure(evaluated: Path, tiny: TinyRun) -> None:
    frame = read_csv(evaluated / "pca.csv")
    cells = read_csv(tiny.selection)
    assert len(frame) == len(cells) * 2 * 2 * 3
    assert frame["value"].between(0, 1).all()
    assert set(frame.loc[frame["split"] == "validation", "n_images"]) == {20}
    assert set(frame.loc[frame["split"] == "test", "n_images"]) == {60}
    wide = frame[frame["rule"] == "all"].pivot_table(
        index=["split", "protocol"], columns="metric", values="value"
    )
    np.testing.assert_allclose(
        wide["average_accuracy"], (wide["clean_accuracy"] + wide["adversarial_accuracy"]) / 2
    )


def test_accuracies_are_those_of_a_plain_computation(evaluated: Path, tiny: TinyRun) -> None:
    frame = read_csv(evaluated / "pca.csv")
    cells = read_csv(tiny.selection)
    network, states = load_networks(evaluated / "retrained.safetensors")
    network.eval()
    test = load_split(tiny.data, "test")
    images, labels = torch.from_numpy(test.images), torch.from_numpy(test.labels)
    static = torch.from_numpy(read_npy(tiny.outcomes.with_name("test.npy")))
    for digest in set(cells.loc[cells["digest"] != "classic", "digest"]):
        network.load_state_dict(states[digest])
        point = images.clone().requires_grad_()
        torch.nn.functional.cross_entropy(network(point), labels, reduction="sum").backward()
        assert point.grad is not None
        attacked = (images + tiny.attack.epsilon * point.grad.sign()).clamp(0, 1)
        with torch.no_grad():
            clean = network(images).argmax(1) == labels
            # Robust means right both without and with the attack.
            white = clean & (network(attacked).argmax(1) == labels)
            expected = {
                ("whitebox", "clean_accuracy"): clean,
                ("transfer", "adversarial_accuracy"): network(static).argmax(1) == labels,
                ("whitebox", "adversarial_accuracy"): white,
            }
        for (protocol, metric), verdicts in expected.items():
            rows = frame[
                (frame["digest"] == digest)
                & (frame["protocol"] == protocol)
                & (frame["metric"] == metric)
                & (frame["split"] == "test")
            ]
            assert set(rows["value"].round(9)) == {round(float(verdicts.double().mean()), 9)}


def test_per_image_verdicts_give_the_same_means(evaluated: Path) -> None:
    frame = read_csv(evaluated / "pca.csv")
    verdicts = read_npz(evaluated / "pca.npz")
    rows = frame[(frame["split"] == "test") & (frame["metric"] == "adversarial_accuracy")]
    for row in rows.to_dict(orient="records"):
        bits = np.unpackbits(verdicts[f"{row['digest']}/test/{row['protocol']}"])[:60]
        assert abs(bits.mean() - row["value"]) < 1e-9


def test_classic_is_the_pretrained_model_and_transfer_its_own_images(
    evaluated: Path, tiny: TinyRun
) -> None:
    frame = read_csv(evaluated / "pca.csv")
    classic = frame[(frame["rule"] == "classic") & (frame["split"] == "test")]
    outcomes = pd.read_parquet(tiny.outcomes)
    test = outcomes[outcomes["split"] == "test"]
    transfer = classic[
        (classic["protocol"] == "transfer") & (classic["metric"] == "adversarial_accuracy")
    ]
    expected = (test["adversarial_prediction"] == test["label"]).mean()
    assert abs(transfer["value"].iloc[0] - expected) < 1e-9


def test_the_evaluation_checks_itself(evaluated: Path) -> None:
    sanity = read_csv(evaluated / "pca.sanity.csv")
    assert set(sanity["model"]) == {"classic", "all"}
    assert sanity["passed"].eq(1).all()

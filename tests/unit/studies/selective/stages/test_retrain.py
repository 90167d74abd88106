import math
from pathlib import Path
from typing import Any

import pytest
import torch

from advlearn.data.store import open_split
from advlearn.learners.networks.weights import load_networks
from advlearn.settings.attack import PgdSettings
from advlearn.settings.network import RetrainSettings
from advlearn.studies.selective.stages import retrain as stage
from advlearn.support.io import read_csv, read_npz
from advlearn.training import stack as stack_module
from tests.helpers.tiny import TinyRun


def test_one_training_for_each_distinct_set(tiny: TinyRun, tmp_path: Path) -> None:
    tiny.retrain(tmp_path / "pca.safetensors", RetrainSettings(batch_size=32))
    sets = read_npz(tiny.selection.with_suffix(".npz"))
    _, states = load_networks(tmp_path / "pca.safetensors")
    assert set(states) == set(sets)
    cells = read_csv(tiny.selection)
    # k-means with one cluster, its control and adversarial training are the same images.
    one = cells[(cells["setting"] == "n_clusters=1") & ~cells["rule"].isin(["none", "classic"])][
        "digest"
    ]
    assert one.nunique() == 1
    assert len(sets) < len(cells)
    losses = read_csv(tmp_path / "pca.csv")
    assert losses["n_selected"].tolist() == [len(chosen) for chosen in sets.values()]
    # Interleaved, one epoch, 32 images a step: those of the clean and those of the chosen images.
    clean = math.ceil(len(open_split(tiny.data.parent, "train")) / 32)
    steps = [clean + math.ceil(len(chosen) / 32) for chosen in sets.values()]
    assert losses["n_steps"].tolist() == steps
    weights = [tuple(state["1.weight"].flatten().tolist()) for state in states.values()]
    assert len(set(weights)) == len(sets)


@pytest.mark.parametrize("crafting", ["static", "online"])
@pytest.mark.parametrize("start", ["pretrained", "scratch"])
def test_same_seed_same_bytes(tiny: TinyRun, tmp_path: Path, crafting: Any, start: Any) -> None:
    settings = RetrainSettings(crafting=crafting, start=start, batch_size=32)
    for name in ("a", "b"):
        tiny.retrain(tmp_path / name / "pca.safetensors", settings)
    first, second = ((tmp_path / n / "pca.safetensors").read_bytes() for n in "ab")
    assert first == second
    tiny.retrain(tmp_path / "c" / "pca.safetensors", settings, seed=1)
    assert (tmp_path / "c" / "pca.safetensors").read_bytes() != first


def test_no_images_and_adversarial_only_keeps_the_pretrained_weights(
    tiny: TinyRun, tmp_path: Path
) -> None:
    tiny.retrain(tmp_path / "pca.safetensors", RetrainSettings(schedule="adversarial_only"))
    _, states = load_networks(tmp_path / "pca.safetensors")
    _, pretrained = load_networks(tiny.weights)
    cells = read_csv(tiny.selection)
    none = cells.loc[cells["rule"] == "none", "digest"].iloc[0]
    for key, value in pretrained["classifier"].items():
        assert torch.equal(states[none][key], value)


@pytest.mark.parametrize(
    ("schedule", "crafting"),
    [
        ("interleaved", "static"),
        ("mixed", "static"),
        ("adversarial_only", "static"),
        ("interleaved", "online"),
        ("mixed", "online"),
    ],
)
def test_side_by_side_as_on_a_gpu(
    tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: Any, crafting: Any
) -> None:
    """The same models but for rounding, which a few dozen steps of Adam carry further."""
    settings = RetrainSettings(schedule=schedule, crafting=crafting, epochs=2, batch_size=32)
    attack = None if crafting == "static" else PgdSettings(epsilon=0.1, steps=3)
    tiny.retrain(tmp_path / "one" / "pca.safetensors", settings, attack=attack)
    monkeypatch.setattr(stage, "pays", lambda device, network, images: True)
    monkeypatch.setattr(stack_module, "_MEMBERS", 4)
    tiny.retrain(tmp_path / "stack" / "pca.safetensors", settings, attack=attack)
    (_, one), (_, stack) = (
        load_networks(tmp_path / name / "pca.safetensors") for name in ("one", "stack")
    )
    assert list(one) == list(stack)
    for digest, state in one.items():
        for key, value in state.items():
            torch.testing.assert_close(stack[digest][key], value, rtol=0, atol=2e-4)
    first, second = (read_csv(tmp_path / name / "pca.csv") for name in ("one", "stack"))
    assert first["n_selected"].equals(second["n_selected"])
    assert second["loss"].tolist() == pytest.approx(first["loss"].tolist(), abs=1e-4)

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from advlearn.data.multilabel.store import (
    SplitLabels,
    load_multilabel,
    save_images,
    save_multilabel,
)
from advlearn.data.splits import SplitName
from advlearn.learners.networks.weights import load_network
from advlearn.settings.network import ImagenetResnetSettings
from advlearn.studies.topk.settings.jobs import TopkModelSettings
from advlearn.studies.topk.stages import pretrain as stage
from advlearn.studies.topk.stages.pretrain import topk_pretrain
from advlearn.support.io import read_csv
from advlearn.training.multilabel import all_scores

NAMES = ("low", "high", "never")
COUNTS: dict[SplitName, int] = {"train": 60, "validation": 30, "test": 20}


def prepare(folder: Path, channels: int = 1) -> Path:
    """Dark or bright halves are the first two labels; no image has the third."""
    draw = np.random.default_rng(0)
    labels: dict[SplitName, np.ndarray] = {
        split: np.c_[draw.random((n, 2)) < 0.6, np.zeros((n, 1))].astype(bool)
        for split, n in COUNTS.items()
    }
    for part in labels.values():
        part[~part.any(axis=1), 0] = True
    every = np.concatenate(list(labels.values()))
    pixels = draw.integers(0, 90, (len(every), channels, 8, 8))
    pixels[:, :, :4] += 120 * every[:, 0, None, None, None]
    pixels[:, :, 4:] += 120 * every[:, 1, None, None, None]
    out = folder / "data" / "dataset.json"
    save_multilabel(
        out,
        name="halves",
        class_names=NAMES,
        shape=(channels, 8, 8),
        splits={s: SplitLabels([f"{s}{i}" for i in range(len(y))], y) for s, y in labels.items()},
        found={"train": 90, "test": 20},
    )
    save_images(out.parent, len(every), (channels, 8, 8), [pixels.astype(np.uint8)])
    return out


def settings(**network: object) -> TopkModelSettings:
    return TopkModelSettings.from_json(
        json.dumps(
            {
                "network": network,
                "training": {"epochs": 4, "batch_size": 16, "learning_rate": 0.01},
            }
        )
    )


def test_weights_history_and_measures(tmp_path: Path) -> None:
    data, out = prepare(tmp_path), tmp_path / "models" / "small.safetensors"
    topk_pretrain(
        data=data, settings=settings(hidden=[8]), model="small", seed=5, out=out, device="cpu"
    )
    history = read_csv(out.with_suffix(".csv"))
    assert list(history) == ["epoch", "loss", "validation_map"]
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    measures = read_csv(tmp_path / "models" / "small.metrics.csv")
    assert list(measures) == (
        ["dataset", "model", "seed", "split", "metric", "value", "n_images", "n_classes"]
    )
    assert set(measures["dataset"]) == {"halves"}
    assert set(measures["model"]) == {"small"}
    assert set(measures["seed"]) == {5}
    test = load_multilabel(data).split("test")
    logits = all_scores(load_network(out), test.images, 16)
    rows = measures[measures["split"] == "test"].set_index("metric")
    values = rows["value"].to_dict()
    by_class = [average_precision_score(test.labels[:, j], logits[:, j]) for j in range(2)]
    assert values["class_ap:low"] == pytest.approx(by_class[0], abs=1e-6)
    assert values["class_map"] == pytest.approx(np.mean(by_class), abs=1e-6)
    # The class that no image has is left out of the mean, and its own row is empty.
    assert rows["n_images"].to_dict()["class_map"] == 20
    assert rows["n_classes"].to_dict()["class_map"] == 2
    assert np.isnan(values["class_ap:never"])
    of_images = [average_precision_score(y, s) for y, s in zip(test.labels, logits, strict=True)]
    assert values["sample_map"] == pytest.approx(np.mean(of_images), abs=1e-6)
    assert rows.loc["sample_map", "n_images"] == 20
    chosen = measures[measures["split"] == "validation"].set_index("metric")
    assert chosen.loc["class_map", "value"] == pytest.approx(history["validation_map"].max())


def test_same_seed_same_files_other_seed_other_weights(tmp_path: Path) -> None:
    data = prepare(tmp_path)
    content = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        out = tmp_path / name / "model.safetensors"
        topk_pretrain(
            data=data,
            settings=settings(name="vit", patch=4, width=8, depth=1, heads=2),
            model="model",
            seed=seed,
            out=out,
            device="cpu",
        )
        files = [out.with_suffix(suffix) for suffix in (".safetensors", ".csv", ".metrics.csv")]
        content.append([file.read_bytes() for file in files])
    assert content[0] == content[1]
    assert content[0][0] != content[2][0]


def test_imagenet_weights_are_obtained_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path]] = []

    def obtain(name: str, sources: object, folder: Path) -> Path:
        asked.append((name, folder))
        return tmp_path / "given.pth"

    built: list[ImagenetResnetSettings] = []

    def build(network: ImagenetResnetSettings, *rest: object) -> None:
        built.append(network)
        raise InterruptedError

    monkeypatch.setattr(stage, "imagenet_weights", obtain)
    monkeypatch.setattr(stage, "build_network", build)
    with pytest.raises(InterruptedError):
        topk_pretrain(
            data=prepare(tmp_path, channels=3),
            settings=settings(name="resnet50"),
            model="r",
            seed=0,
            out=tmp_path / "out" / "r.safetensors",
            device="cpu",
        )
    assert asked == [("resnet50", tmp_path / "out" / "imagenet")]
    assert built[0].weights == tmp_path / "given.pth"

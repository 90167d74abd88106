"""The parts of the plain script, and that it does the same work as the workflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.neighbors import kneighbors_graph
from torch import nn

from advlearn.config import load_file
from advlearn.data.store import load_split
from advlearn.learners.networks import build
from advlearn.training.adversarial import Step, _interleave
from benchmarks import plain_table1

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config" / "config.yaml"


Batch = tuple[torch.Tensor, torch.Tensor]


def labelled(n: int, sign: int) -> list[Batch]:
    return [(torch.zeros(1), torch.tensor([sign * i])) for i in range(1, n + 1)]


@pytest.mark.parametrize(("n_clean", "n_adversarial"), [(5, 5), (7, 3), (4, 0), (10, 1)])
def test_the_schedule_is_that_of_the_workflow(n_clean: int, n_adversarial: int) -> None:
    clean, adversarial = labelled(n_clean, 1), labelled(n_adversarial, -1)
    steps = plain_table1.interleave(clean, adversarial, n_clean, n_adversarial)
    found = [int(labels) for _, labels in steps]
    ours = _interleave(
        [Step(label, torch.empty(0)) for _, label in clean],
        [Step(torch.empty(0), label) for _, label in adversarial],
    )
    assert found == [int(torch.cat(step)) for step in ours]
    assert sorted(found) == sorted([*range(1, n_clean + 1), *range(-n_adversarial, 0)])


def test_the_network_is_that_of_the_universe() -> None:
    settings = plain_table1.read_settings(CONFIG, "small")
    plain = plain_table1.network(settings["model"], 784, 10)
    ours = build(load_file(CONFIG).selective.universes["small"].model, (1, 28, 28), 10)
    assert repr(plain) == repr(ours)


def test_settings_without_code_stop_the_script(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.read_text(encoding="utf-8").replace("mlp", "cnn"), encoding="utf-8")
    with pytest.raises(SystemExit, match=r"universe small, model.name: 'cnn'"):
        plain_table1.read_settings(config, "small")


def test_it_reads_the_same_images_as_the_workflow(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for source, n in (("train", 6), ("test", 4)):
        images = rng.integers(256, size=(n, 1, 2, 2), dtype=np.uint8)
        np.save(tmp_path / f"{source}_images.npy", images)
        np.save(tmp_path / f"{source}_labels.npy", np.arange(n) % 2)
    rows = [("train", 4, "train"), ("train", 1, "train"), ("train", 0, "validation")]
    rows += [("test", i, "test") for i in range(4)]
    frame = pd.DataFrame(rows, columns=["source", "index", "split"])
    frame.to_csv(tmp_path / "splits.csv", index=False)
    (tmp_path / "dataset.json").write_text(
        '{"name": "x", "title": "x", "n_classes": 2, "shape": [1, 2, 2], "class_names": ["a", "b"],'
        ' "n_train": 2, "n_validation": 1, "n_test": 4, "split_seed": 0, "licence": "",'
        ' "reference": ""}',
        encoding="utf-8",
    )
    for split in ("train", "test"):
        read_images, read_labels = plain_table1.load(tmp_path, split)
        expected = load_split(tmp_path, split)
        np.testing.assert_array_equal(read_images.numpy(), expected.images)
        np.testing.assert_array_equal(read_labels.numpy(), expected.labels)


@pytest.mark.parametrize("kind", ["loader", "tensors"])
def test_batches_hold_every_image_once(kind: str) -> None:
    images = torch.arange(10).reshape(10, 1)
    parts = list(plain_table1.batches(images, images[:, 0], 4, kind))
    assert [len(labels) for _, labels in parts] == [4, 4, 2]
    assert sorted(torch.cat([labels for _, labels in parts]).tolist()) == list(range(10))
    assert all(torch.equal(batch[:, 0], labels) for batch, labels in parts)


@pytest.mark.parametrize("ward", ["graph", "unstructured"])
@pytest.mark.parametrize("clusterer", ["kmeans", "agglomerative"])
def test_separate_clouds_are_found(clusterer: str, ward: str) -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 50])
    graph = kneighbors_graph(points, 25, include_self=False) if ward == "graph" else None
    found = plain_table1.partition(points, clusterer, 2, 2, 0, graph)
    assert sorted(np.bincount(found).tolist()) == [20, 30]
    assert len(set(found[:30])) == 1


def test_training_and_accuracy() -> None:
    torch.manual_seed(0)
    images = torch.cat([torch.zeros(20, 1, 2, 2), torch.ones(20, 1, 2, 2)])
    labels = torch.arange(2).repeat_interleave(20)
    head = nn.Linear(4, 2)
    model = nn.Sequential(nn.Flatten(), head)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0] * 4, [-1.0] * 4]))
        head.bias.copy_(torch.tensor([-2.0, 2.0]))
    assert plain_table1.accuracy(model, images, labels) == 0.0
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(30):
        plain_table1.train(model, optimiser, plain_table1.batches(images, labels, 8, "tensors"))
    assert plain_table1.accuracy(model, images, labels) == 1.0


def test_fgsm_moves_every_pixel_by_epsilon() -> None:
    pytest.importorskip("torchattacks", reason="a peer of the benchmarks, not in the lock")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval()
    images = torch.full((5, 1, 2, 2), 0.5)
    made = plain_table1.fgsm(model, images, torch.arange(5) % 3, 0.25)
    torch.testing.assert_close((made - images).abs(), torch.full_like(images, 0.25))

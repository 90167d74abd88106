from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advlearn.data.multilabel.store import MultiLabelSplit, load_multilabel
from advlearn.learners.networks.weights import load_networks, save_networks
from advlearn.metrics.ranking import MEASURES
from advlearn.settings.topk import TopkAttackSettings, authors
from advlearn.studies.topk.settings.cells import JOBS
from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkCell
from advlearn.studies.topk.stages.attack import topk_attack
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_npy, read_parquet
from tests.helpers.tiny_topk import TinyTopk

pytestmark = pytest.mark.slow

TIMES = ["seconds"]


def attacked(topk: TinyTopk) -> MultiLabelSplit:
    return load_multilabel(topk.data).split("test")


def scores(topk: TinyTopk, images: np.ndarray, model: str = "cnn") -> np.ndarray:
    """Logits by the network alone."""
    network, states = load_networks(topk.weights(model))
    network.load_state_dict(states["classifier"])
    with torch.no_grad():
        logits: np.ndarray = network.eval()(torch.from_numpy(images)).numpy()
    return logits


def top(logits: np.ndarray, k: int) -> set[int]:
    return set(np.argsort(-logits, kind="stable")[:k].tolist())


def column(frame: pd.DataFrame, name: str) -> np.ndarray:
    return np.stack(frame[name].to_list())


def cell(**changes: Any) -> TopkCell:
    values: dict[str, Any] = {
        "experiment": "random",
        "scheme": "random",
        "labels": "random",
        "n_specified": 2,
        "k": 3,
        "attack": TopkAttackSettings(method="tkmia", iterations=5, learning_rate=0.2),
    }
    return TopkCell(**{**values, **changes})


def one(**changes: Any) -> TopkAttackJob:
    return TopkAttackJob(cells=(cell(**changes),), images=8, keep_images=True, batch_size=4)


@pytest.mark.parametrize("job", JOBS)
def test_every_cell_has_its_rows(topk: TinyTopk, job: str) -> None:
    outcomes = read_parquet(topk.outcomes("cnn", job))
    counts = read_csv(topk.outcomes("cnn", job).with_suffix(".csv"))
    cells = topk.study.cells(job)
    assert counts["cell"].tolist() == list(range(len(cells)))
    assert (counts["n"] == np.minimum(counts["n_eligible"], topk.study.images)).all()
    assert outcomes["cell"].is_monotonic_increasing
    for number, wanted in enumerate(cells):
        part = outcomes[outcomes["cell"] == number]
        assert len(part) == counts["n"][number]
        assert set(part["method"]) <= {wanted.attack.method}
        assert part["image"].is_monotonic_increasing
        assert part["image"].is_unique


@pytest.mark.parametrize("job", ["global", "random"])
def test_the_first_eligible_images_are_attacked(topk: TinyTopk, job: str) -> None:
    test = attacked(topk)
    logits = scores(topk, test.images[:])
    outcomes = read_parquet(topk.outcomes("cnn", job))
    counts = read_csv(topk.outcomes("cnn", job).with_suffix(".csv"))
    for number, wanted in enumerate(topk.study.cells(job)):
        eligible = []
        for position, (row, relevant) in enumerate(zip(logits, test.labels, strict=True)):
            mine = set(np.flatnonzero(relevant).tolist())
            in_top = mine & top(row, wanted.k)
            if wanted.scheme == "global":
                involved = mine & set(wanted.specified)
                fits = len(mine) >= wanted.k + len(involved) and bool(involved & in_top)
            else:
                fits = len(mine) >= wanted.k + wanted.n_specified
                fits = fits and len(in_top) >= wanted.n_specified
            if fits:
                eligible.append(position)
        part = outcomes[outcomes["cell"] == number]
        assert counts["n_eligible"][number] == len(eligible)
        assert part["image"].tolist() == eligible[: topk.study.images]


def test_specified_labels_are_relevant_and_random_ones_from_the_clean_top(topk: TinyTopk) -> None:
    labels = attacked(topk).labels
    for job in ("global", "random"):
        outcomes = read_parquet(topk.outcomes("cnn", job))
        for number, wanted in enumerate(topk.study.cells(job)):
            for _, row in outcomes[outcomes["cell"] == number].iterrows():
                relevant = set(np.flatnonzero(labels[row["image"]]).tolist())
                specified = set(np.flatnonzero(row["specified"]).tolist())
                assert row["n_relevant"] == len(relevant)
                if wanted.scheme == "global":
                    assert specified == relevant & set(wanted.specified)
                else:
                    assert len(specified) == wanted.n_specified
                    assert specified <= relevant & top(row["clean_logits"], wanted.k)


@pytest.mark.parametrize("job", JOBS)
def test_success_and_measures_are_those_of_the_logits(topk: TinyTopk, job: str) -> None:
    labels = attacked(topk).labels
    outcomes = read_parquet(topk.outcomes("cnn", job))
    cells = topk.study.cells(job)
    assert outcomes["success"].any()
    for _, row in outcomes.iterrows():
        k = cells[row["cell"]].k
        specified = set(np.flatnonzero(row["specified"]).tolist())
        before, after = top(row["clean_logits"], k), top(row["adversarial_logits"], k)
        # No specified label in the top k, and nothing else, is success.
        assert row["success"] == (not specified & after)
        assert row["removed"] == len(specified & before) - len(specified & after)
        relevant = set(np.flatnonzero(labels[row["image"]]).tolist())
        assert row["clean_p"] == pytest.approx(len(relevant & before) / k)
        change = (len(relevant & after) - len(relevant & before)) / k
        assert row["delta_p"] == pytest.approx(change)
        kept = all(row[f"delta_{name}"] >= -1e-9 for name in MEASURES)
        assert row["stealth"] == (row["success"] and kept)


def test_an_attackers_knowledge_changes_neither_images_nor_task(topk: TinyTopk) -> None:
    outcomes = read_parquet(topk.outcomes("cnn", "sweeps"))
    cells = topk.study.cells("sweeps")
    unknown = [number for number, each in enumerate(cells) if each.experiment == "unknown"]
    parts = [outcomes[outcomes["cell"] == number] for number in unknown]
    for part in parts[1:]:
        assert part["image"].tolist() == parts[0]["image"].tolist()
        assert (column(part, "specified") == column(parts[0], "specified")).all()
    # The views do differ.
    assert len({tuple(part["l2"]) for part in parts}) == len(parts)


def test_a_cell_is_the_same_in_every_experiment(topk: TinyTopk) -> None:
    found = {}
    for job in ("sweeps", "transfer"):
        outcomes = read_parquet(topk.outcomes("cnn", job))
        for number, each in enumerate(topk.study.cells(job)):
            if each == cell(experiment=each.experiment, attack=topk.study.attack_of("tkmia")):
                part = outcomes[outcomes["cell"] == number]
                found[each.experiment] = part.drop(columns=["cell", *TIMES]).reset_index(drop=True)
    assert set(found) == {"relaxation", "unknown", "transfer"}
    for other in ("relaxation", "unknown"):
        pd.testing.assert_frame_equal(found[other], found["transfer"])


def test_images_belong_to_the_rows_of_the_outcomes(topk: TinyTopk) -> None:
    path = topk.outcomes("cnn", "transfer")
    outcomes, images = read_parquet(path), read_npy(path.with_suffix(".npy"))
    assert images.shape == (len(outcomes), 1, 24, 24)
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1
    clean = attacked(topk).images[outcomes["image"].to_numpy()]
    shift = (images - clean).astype(np.float64).reshape(len(images), -1)
    np.testing.assert_allclose(outcomes["l2"], np.linalg.norm(shift, axis=1), atol=1e-5)
    np.testing.assert_allclose(outcomes["linf"], np.abs(shift).max(1), atol=1e-6)
    for name, shown in (("clean_logits", clean), ("adversarial_logits", images)):
        np.testing.assert_allclose(column(outcomes, name), scores(topk, shown), atol=1e-4)


def test_a_job_that_keeps_no_images_writes_a_file_without_rows(topk: TinyTopk) -> None:
    images = read_npy(topk.outcomes("cnn", "global").with_suffix(".npy"))
    assert images.shape == (0, 1, 24, 24)


def test_images_of_a_density_have_as_many_labels(topk: TinyTopk) -> None:
    outcomes = read_parquet(topk.outcomes("cnn", "density"))
    counts = read_csv(topk.outcomes("cnn", "density").with_suffix(".csv"))
    labels = attacked(topk).labels.sum(1)
    found = set()
    for number, each in enumerate(topk.study.cells("density")):
        assert each.relevant is not None
        part = outcomes[outcomes["cell"] == number]
        numbers = labels[part["image"].to_numpy(int)]
        assert part["n_relevant"].tolist() == numbers.tolist()
        assert all(each.relevant[0] <= n <= each.relevant[1] for n in numbers)
        found |= {(each.relevant, int(n)) for n in numbers}
        assert (counts["n"][number] == 0) == (each.k == 7)
    assert found == {((5, 5), 5), ((6, 7), 6), ((6, 7), 7)}


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_batch_size_changes_no_outcome(topk: TinyTopk, tmp_path: Path, batch_size: int) -> None:
    out = tmp_path / "seed0.parquet"
    topk.attack(out, topk.job("transfer").model_copy(update={"batch_size": batch_size}))
    assert_same(out, topk.outcomes("cnn", "transfer"))


def test_order_of_cells_changes_no_outcome(topk: TinyTopk, tmp_path: Path) -> None:
    job = topk.job("transfer")
    out = tmp_path / "seed0.parquet"
    topk.attack(out, job.model_copy(update={"cells": job.cells[::-1]}))
    last = len(job.cells) - 1
    assert_same(out, topk.outcomes("cnn", "transfer"), renumbered=lambda n: last - n)


def assert_same(mine: Path, theirs: Path, *, renumbered: Any = lambda n: n) -> None:
    """The same outcomes up to the rounding of another batch, the images beside them too.

    An image that one step leaves on the border of success ends with it or one later, as rounding
    decides: one of them may.
    """
    frames, pixels = [], []
    for path, number in ((mine, renumbered), (theirs, lambda n: n)):
        frame = read_parquet(path)
        frame["cell"] = number(frame["cell"])
        order = np.lexsort((frame["image"], frame["cell"]))
        frames.append(frame.iloc[order].reset_index(drop=True))
        pixels.append(read_npy(path.with_suffix(".npy"))[order])
    for key in ("cell", "image"):
        assert frames[0][key].tolist() == frames[1][key].tolist()
    same = (frames[0]["iterations"] == frames[1]["iterations"]).to_numpy()
    assert (~same).sum() <= 1
    frames = [frame[same] for frame in frames]
    for name in ("clean_logits", "adversarial_logits"):
        np.testing.assert_allclose(column(frames[0], name), column(frames[1], name), atol=1e-3)
    vectors = ["clean_logits", "adversarial_logits", *TIMES]
    pd.testing.assert_frame_equal(
        frames[0].drop(columns=vectors), frames[1].drop(columns=vectors), rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(pixels[0][same], pixels[1][same], atol=5e-3)


def test_same_seed_same_outcomes_other_seed_other_labels(topk: TinyTopk, tmp_path: Path) -> None:
    settings = TopkAttackJob(
        cells=(cell(n_specified=1, k=2),), images=8, keep_images=True, batch_size=8
    )
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        # The same network each time, so that nothing but the seed of the draw differs.
        (tmp_path / name).mkdir()
        attack_with(topk, tmp_path / name / "out.parquet", settings, seed)
    a, b, c = (read_parquet(tmp_path / name / "out.parquet") for name in "abc")
    pd.testing.assert_frame_equal(a.drop(columns=TIMES), b.drop(columns=TIMES))
    images = [(tmp_path / name / "out.npy").read_bytes() for name in "ab"]
    assert images[0] == images[1]
    assert a["image"].tolist() == c["image"].tolist()
    assert (column(a, "specified") != column(c, "specified")).any()


def attack_with(
    topk: TinyTopk, out: Path, settings: TopkAttackJob, seed: int = 0, weights: Path | None = None
) -> None:
    topk_attack(
        data=topk.data,
        weights=weights or topk.weights("cnn"),
        settings=settings,
        seed=seed,
        out=out,
        device="cpu",
    )


def test_no_eligible_image_gives_rows_and_no_error(topk: TinyTopk, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    # Three labels cannot be drawn from a top of two.
    topk.attack(out, one(k=2, n_specified=3))
    outcomes = read_parquet(out)
    assert len(outcomes) == 0
    assert set(outcomes.columns) == set(read_parquet(topk.outcomes("cnn", "random")).columns)
    counts = read_csv(out.with_suffix(".csv"))
    assert counts.to_dict("records") == [{"cell": 0, "n_eligible": 0, "n": 0}]
    assert read_npy(out.with_suffix(".npy")).shape == (0, 1, 24, 24)


def test_a_k_that_no_image_has_labels_for_gives_no_error(topk: TinyTopk, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    topk.attack(out, one(k=9, n_specified=1))
    assert read_csv(out.with_suffix(".csv"))["n_eligible"].tolist() == [0]


def test_empty_cells_stand_between_others(topk: TinyTopk) -> None:
    counts = read_csv(topk.outcomes("cnn", "random").with_suffix(".csv"))
    cells = topk.study.cells("random")
    for number, each in enumerate(cells):
        assert (counts["n"][number] == 0) == (each.k == 7)
    outcomes = read_parquet(topk.outcomes("cnn", "random"))
    assert outcomes["success"].dtype == bool
    assert outcomes["image"].dtype == np.int64


def test_perturbations_of_the_authors_preset_are_measured_from_the_squashed_image(
    topk: TinyTopk, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    topk.attack(out, one(attack=authors("tkmia", iterations=5, learning_rate=0.1)))
    outcomes, images = read_parquet(out), read_npy(out.with_suffix(".npy"))
    assert len(outcomes)
    clean = attacked(topk).images[outcomes["image"].to_numpy()].astype(np.float64)
    seen = (np.tanh(2 * clean - 1) + 1) / 2
    shift = (images - seen).reshape(len(images), -1)
    np.testing.assert_allclose(outcomes["l2"], np.linalg.norm(shift, axis=1), atol=1e-5)
    expected = scores(topk, seen.astype(np.float32))
    np.testing.assert_allclose(column(outcomes, "clean_logits"), expected, atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"k": 10},
        {"scheme": "global", "labels": "wrong", "specified": (0, 10)},
    ],
)
def test_k_and_labels_outside_the_data_are_named(
    topk: TinyTopk, tmp_path: Path, changes: dict[str, Any]
) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(UserError, match="must be below the number of labels") as error:
        topk.attack(out, one(**changes))
    assert "10 labels" in error.value.where
    assert "labels are 0 to 9" in error.value.remedy
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("n_specified", [2, 3])
def test_logits_that_are_no_numbers_are_an_error(
    topk: TinyTopk, tmp_path: Path, n_specified: int
) -> None:
    _, states = load_networks(topk.weights("cnn"))
    states["classifier"] = {
        name: torch.full_like(value, torch.nan) for name, value in states["classifier"].items()
    }
    broken = tmp_path / "broken.safetensors"
    save_networks(broken, states, topk.study.models["cnn"].network, (1, 24, 24), 10)
    # Also where no image would be attacked: nobody can tell which labels are in its top k.
    with pytest.raises(UserError, match="not finite") as error:
        attack_with(
            topk, tmp_path / "out.parquet", one(k=2, n_specified=n_specified), weights=broken
        )
    assert "image at position" in error.value.where
    assert [path.name for path in tmp_path.iterdir()] == ["broken.safetensors"]

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advlearn.attacks.robustness import RobustVerdicts, robust_verdicts, worst_case_verdicts
from advlearn.data.store import load_split
from advlearn.learners.networks.weights import load_network, load_networks
from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.network import RetrainSettings
from advlearn.settings.strong import strong_attacks
from advlearn.studies.selective.cell import TYPES, read_cells, strengthened
from advlearn.studies.selective.settings.jobs import EvaluateJob, EvaluationSettings
from advlearn.studies.selective.settings.strengthen import StrengthenJob, StrongSettings
from advlearn.studies.selective.stages import strengthen as stage
from advlearn.studies.selective.stages.evaluate import evaluate
from advlearn.studies.selective.stages.strengthen import measured, strengthen
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_npz, write_npz
from advlearn.support.seeds import derive_seed
from advlearn.training import stack as stack_module
from tests.helpers.resumed import assert_resumes
from tests.helpers.tiny import TinyRun

STRONG = StrongSettings(images=40, steps=5, queries=20, targets=2, n_clusters=None)
ATTACKS: dict[str, FgsmSettings | PgdSettings] = {
    "fgsm": FgsmSettings(epsilon=0.1),
    "pgd": PgdSettings(epsilon=0.1, steps=2),
}
ORDER = ["clean", "whitebox", "fgsm", "apgd_cross_entropy", "apgd_targeted_dlr", "fab", "square"]


@pytest.fixture(scope="module")
def evaluated(tiny: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with retrained models, and their verdicts under each attack."""
    folder = tmp_path_factory.mktemp("evaluated")
    tiny.retrain(folder / "retrained.safetensors", RetrainSettings(batch_size=32))
    for name, attack in ATTACKS.items():
        evaluate(
            data=tiny.data, weights=tiny.weights, adversarial=tiny.outcomes,
            selection=tiny.selection, retrained=folder / "retrained.safetensors",
            settings=EvaluateJob(attack=attack, evaluation=EvaluationSettings()),
            universe="u", attack=name, reduction="pca", seed=0, out=folder / f"{name}.csv",
            device="cpu",
        )  # fmt: skip
    return folder


def job(
    tiny: TinyRun, folder: Path, name: str, strong: StrongSettings = STRONG
) -> Callable[[Path], None]:
    return lambda out: strengthen(
        data=tiny.data, weights=tiny.weights, selection=tiny.selection,
        retrained=folder / "retrained.safetensors", verdicts=folder / f"{name}.npz",
        settings=StrengthenJob(attack=ATTACKS[name], strong=strong),
        universe="u", attack=name, reduction="pca", seed=0, out=out, device="cpu",
    )  # fmt: skip


@pytest.mark.parametrize("name", list(ATTACKS))
def test_each_row_is_what_the_attack_leaves(
    name: str, tiny: TinyRun, evaluated: Path, tmp_path: Path
) -> None:
    job(tiny, evaluated, name)(tmp_path / "out.csv")
    frame = read_csv(tmp_path / "out.csv", dtype=TYPES)
    cells = strengthened(read_cells(tiny.selection), STRONG)
    order = [attack for attack in ORDER if name == "pgd" or attack != "fgsm"]
    assert frame["strong_attack"].tolist() == order * len(cells)
    assert set(frame["n_images"]) == {40}
    network, states = load_networks(evaluated / "retrained.safetensors")
    test = load_split(tiny.data, "test")
    images, labels = torch.from_numpy(test.images[:40]), torch.from_numpy(test.labels[:40])
    verdicts = read_npz(evaluated / f"{name}.npz")
    seed = derive_seed(0, "strengthen", 0)
    settings = strong_attacks("linf", 0.1, 10, steps=5, queries=20, targets=2)
    for digest, rows in frame.drop_duplicates(["digest", "strong_attack"]).groupby("digest"):
        model = load_network(tiny.weights)
        if digest != "classic":
            network.load_state_dict(states[str(digest)])
            model = network.eval()
        known = {
            key: torch.from_numpy(np.unpackbits(verdicts[f"{digest}/test/{key}"])[:40]).bool()
            for key in ("clean", "whitebox")
        }
        alone = [known["clean"], known["whitebox"]]
        if name == "pgd":
            one_step = FgsmSettings(epsilon=0.1)
            alone.append(robust_verdicts(model, images, labels, one_step, seed).robust)
        alone += [robust_verdicts(model, images, labels, one, seed).robust for one in settings]
        shares = [float(each.double().mean()) for each in alone]
        np.testing.assert_allclose(rows["robust"], shares)
        worst = torch.stack(alone).cummin(0).values.double().mean(1)
        np.testing.assert_allclose(rows["robust_so_far"], worst)
        # The worst case is that of the library, whose attacks begin elsewhere, but for an image.
        theirs = worst_case_verdicts(model, images, labels, settings, seed).robust
        assert abs(float(worst[-1]) - float(theirs.double().mean())) <= 0.05


def test_a_job_that_is_killed_goes_on_and_blocks_have_seeds_of_their_own(
    tiny: TinyRun, evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "BLOCK", 15)
    few = STRONG.model_copy(update={"rules": ("classic", "all")})
    assert_resumes(job(tiny, evaluated, "pgd", few), tmp_path, monkeypatch, 20, ".csv")
    seeds: list[int] = []
    judge = robust_verdicts

    def spy(*given: Any, **more: Any) -> RobustVerdicts:
        seeds.append(given[4])
        return judge(*given, **more)

    monkeypatch.setattr(stage, "robust_verdicts", spy)
    job(tiny, evaluated, "pgd", few)(tmp_path / "again.csv")
    assert len(set(seeds)) == 3
    assert len(seeds) == 2 * 5 * 3


@pytest.mark.parametrize("name", list(ATTACKS))
def test_side_by_side_as_on_a_gpu(
    name: str, tiny: TinyRun, evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "BLOCK", 25)
    job(tiny, evaluated, name)(tmp_path / "alone.csv")
    monkeypatch.setattr(stage, "pays", lambda device, network, images: True)
    monkeypatch.setattr(stack_module, "_MEMBERS", 4)
    with monkeypatch.context() as patch:
        # No model is left for the way that takes one after the other.
        patch.setattr(stage, "robust_verdicts", None)
        job(tiny, evaluated, name)(tmp_path / "stack.csv")
    alone, stack = (read_csv(tmp_path / f"{way}.csv", dtype=TYPES) for way in ("alone", "stack"))
    pd.testing.assert_frame_equal(stack, alone)
    some = STRONG.model_copy(update={"rules": ("classic", "all"), "queries": 5})
    assert_resumes(job(tiny, evaluated, name, some), tmp_path, monkeypatch, 5, ".csv")


def test_checks_compare_with_one_step_and_with_what_sees_no_gradient() -> None:
    def rows(attack: str, **shares: int) -> dict[str, dict[str, object]]:
        found = {name: np.arange(1000) < n for name, n in shares.items()}
        settings = FgsmSettings() if attack == "fgsm" else PgdSettings()
        return {row["strong_attack"]: row for row in measured(found, settings)}

    masked = rows(
        "pgd", clean=990, whitebox=900, fgsm=800, apgd_cross_entropy=850, fab=300, square=400
    )
    for name, check, excess in (
        ("fgsm", "iterative_not_weaker", 0.1),
        ("square", "white_box_not_weaker", 0.5),
    ):
        assert masked[name]["check"] == check
        assert masked[name]["excess"] == pytest.approx(excess)
        assert masked[name]["passed"] == 0
    assert masked["apgd_cross_entropy"]["check"] is None
    assert masked["square"]["robust"] == 0.4
    assert masked["square"]["robust_so_far"] == 0.3
    sound = rows("pgd", clean=990, whitebox=500, fgsm=495, apgd_cross_entropy=480, square=490)
    assert sound["fgsm"]["passed"] == sound["square"]["passed"] == 1
    # Of an attack of one step another one is the iterative one.
    one_step = rows("fgsm", clean=990, whitebox=600, apgd_cross_entropy=700, square=650)
    assert one_step["apgd_cross_entropy"]["check"] == "iterative_not_weaker"
    assert one_step["apgd_cross_entropy"]["excess"] == pytest.approx(0.1)
    assert one_step["apgd_cross_entropy"]["passed"] == 0
    assert one_step["square"]["passed"] == 1


@pytest.mark.parametrize(
    ("attack", "inside"),
    [
        (FgsmSettings(), True),
        (FgsmSettings(clip=False), False),
        (PgdSettings(), True),
        (PgdSettings(clip=False), False),
        (PgdSettings(ball="iterate", random_start=False, steps=20, step_size=0.1), False),
        (PgdSettings(ball="iterate", random_start=False, steps=3, step_size=0.05), True),
    ],
)
def test_images_outside_ball_or_box_are_no_part_of_the_worst_case(
    attack: FgsmSettings | PgdSettings, inside: bool
) -> None:
    shares = {"clean": 990, "whitebox": 100, "fgsm": 400, "apgd_cross_entropy": 500, "square": 600}
    found = {name: np.arange(1000) < n for name, n in shares.items()}
    if attack.name == "fgsm":
        del found["fgsm"]
    last = measured(found, attack)[-1]
    assert last["robust_so_far"] == (0.1 if inside else 0.4 if "fgsm" in found else 0.5)


def cells() -> pd.DataFrame:
    """Cells with clusters that were asked for and found, and their controls."""
    names = "clusterer n_clusters rule digest control_of".split()
    rows = [
        ("single", 1, "classic", "classic", None),
        ("single", 1, "all", "a", None),
        ("kmeans", 1, "random", "a", None),
        ("kmeans", 4, "random", "b", None),
        ("kmeans", 4, "largest", "c", None),
        ("kmeans", 4, "subset", "d", "b"),
        ("kmeans", 4, "subset", "e", "c"),
        ("dbscan", None, "random", "f", None),
        ("dbscan", None, "subset", "g", "f"),
        ("hdbscan", None, "random", "h", None),
    ]
    return pd.DataFrame(rows, columns=names).astype({"n_clusters": "Int64"})


@pytest.mark.parametrize(
    ("update", "digests"),
    [
        ({}, ["classic", "a", "b", "d", "f", "g"]),
        ({"n_clusters": None}, ["classic", "a", "a", "b", "d", "f", "g"]),
        ({"clusterers": None}, ["classic", "a", "b", "d", "f", "g", "h"]),
        ({"rules": ("all", "largest", "subset")}, ["a", "c", "e"]),
        ({"rules": ("random",), "clusterers": ("kmeans",)}, ["b"]),
    ],
)
def test_a_control_is_attacked_where_its_selection_is(
    update: dict[str, object], digests: list[str]
) -> None:
    strong = StrongSettings().model_copy(update=update)
    assert strengthened(cells(), strong)["digest"].tolist() == digests


def test_reductions_and_seeds() -> None:
    seeds = (7, 1, 3)
    assert StrongSettings().has("pca", 3, seeds)
    assert not StrongSettings().has("tsne", 3, seeds)
    two = StrongSettings(reductions=("tsne",), first_seeds=2)
    assert [two.has("tsne", seed, seeds) for seed in seeds] == [True, True, False]
    assert not two.has("pca", 7, seeds)


def test_verdicts_of_another_selection_are_refused(
    tiny: TinyRun, evaluated: Path, tmp_path: Path
) -> None:
    (tmp_path / "retrained.safetensors").symlink_to(evaluated / "retrained.safetensors")
    write_npz(tmp_path / "pgd.npz", {"classic/test/clean": np.zeros(8, np.uint8)})
    with pytest.raises(UserError, match="no verdicts"):
        job(tiny, tmp_path, "pgd")(tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()

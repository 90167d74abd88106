"""The commands of ``benchmarks.scaling``: what a stage is run on at each number of images."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from advlearn.config import Config
from advlearn.settings.cluster import ClusterSettings
from advlearn.settings.points import BlobsSettings
from advlearn.studies.bilevel.settings.path import BilevelDataJob, BilevelPathJob, PathSettings
from advlearn.studies.selective.settings.calibrate import CalibrateJob
from advlearn.studies.selective.settings.jobs import CraftJob, EvaluateJob, PretrainJob, RetrainJob
from advlearn.studies.selective.settings.select import SelectSettings
from advlearn.studies.topk.settings.jobs import TopkAttackJob, TopkDataJob
from benchmarks.scaling_cases import FEW, OTHERS
from benchmarks.scaling_wide import CASES, FEATURES, command

SEED = ["--seed", "0"]
BASELINES = Path(__file__).parents[1] / "config/published/selective/selective_baselines.csv"
ON_CPU = ["--threads", "1", "--device", "cpu"]

Commands = Callable[[Path, int], list[list[str]]]
"""(folder of the size, size) -> what is run in it, one after the other."""


@dataclass(frozen=True)
class Stage:
    """A stage and the files that it needs.

    Attributes:
        name: of the row.
        what: in words, for the table.
        command: (folder of the size, size) -> arguments after ``python``.
        needs: names of what has to be in the folder, made unmeasured where no stage makes it.
        sizes: numbers of images or points.
        unit: what is counted.
        models: how many models a run makes or judges; its time is divided by them.
    """

    name: str
    what: str
    command: Callable[[Path, int], list[str]]
    needs: tuple[str, ...]
    sizes: tuple[int, ...]
    unit: str = "images"
    models: int = 1


IMAGES = (1_000, 4_000, 16_000, 60_000, 250_000, 1_000_000)


def stages(config: Config, classifier: Path, scenes_model: Path) -> list[Stage]:
    """Every stage that is measured, each after those whose files it needs.

    Args:
        config: the full run's configuration; the universe is its primary one.
        classifier: weights of the classifier that is attacked, made beforehand.
        scenes_model: those of study 2.
    """
    selective = config.selective
    universe = selective.universes[selective.primary]
    tsne = selective.embed.tsne.model_copy(update={"threads": 1})
    embed_settings = selective.embed.model_copy(update={"tsne": tsne})

    def craft(attack: str) -> Callable[[Path, int], list[str]]:
        job = CraftJob(attack=universe.attacks[attack]).to_json()
        return lambda folder, n: _advlearn(
            "craft", "--data", folder / "data/dataset.json", "--weights", classifier,
            "--settings", job, *SEED, *ON_CPU, "--out", folder / attack / "outcomes.parquet",
        )  # fmt: skip

    def embed(reduction: str) -> Callable[[Path, int], list[str]]:
        return lambda folder, n: _advlearn(
            "embed", "--adversarial", folder / "fgsm/train.npy",
            "--settings", embed_settings.to_json(), "--reduction", reduction, *SEED,
            "--out", folder / f"{reduction}.npy",
        )  # fmt: skip

    def cluster(name: str) -> Callable[[Path, int], list[str]]:
        settings = selective.cluster.json_for(name)
        return lambda folder, n: _cluster(folder, name, settings, "clusters")

    def select(folder: Path, n: int) -> list[str]:
        return _select(folder, "clusters", selective.select, "cells")

    def retrain(folder: Path, n: int) -> list[str]:
        job = RetrainJob(retrain=universe.retrain, attack=universe.attacks["fgsm"])
        return _advlearn(
            "retrain", "--data", folder / "data/dataset.json", "--weights", classifier,
            "--adversarial", folder / "fgsm/train.npy", "--selection", folder / "one.csv",
            "--model", universe.model.to_json(), "--settings", job.to_json(), *SEED, *ON_CPU,
            "--out", folder / "retrained.safetensors",
        )  # fmt: skip

    def calibrate(folder: Path, n: int) -> list[str]:
        job = CalibrateJob(first=0, count=1, seed=0, epochs=1, validation_images=2000)
        return _advlearn(
            "calibrate", "--data", folder / "data/dataset.json", "--published", BASELINES,
            "--settings", job.to_json(), *ON_CPU, "--out", folder / "calibration.csv",
        )  # fmt: skip

    def evaluate(folder: Path, n: int) -> list[str]:
        test = folder / "test"
        job = EvaluateJob(attack=universe.attacks["pgd"], evaluation=selective.evaluate)
        return _advlearn(
            "evaluate", "--data", test / "data/dataset.json", "--weights", classifier,
            "--adversarial", test / "pgd/outcomes.parquet", "--selection", test / "single.csv",
            "--retrained", test / "retrained.safetensors", "--settings", job.to_json(),
            "--universe", "u", "--attack", "pgd", "--reduction", "pca", *SEED, *ON_CPU,
            "--out", test / "evaluation.csv",
        )  # fmt: skip

    def topk(folder: Path, n: int) -> list[str]:
        study = config.topk
        cell = next(
            cell for cell in study.cells("random")
            if (cell.attack.method, cell.k, cell.n_specified) == ("tkmia", 3, 2)
        )  # fmt: skip
        job = TopkAttackJob(cells=(cell,), images=n, keep_images=True, batch_size=study.batch_size)
        return _advlearn(
            "topk_attack", "--data", folder / "topk/dataset.json", "--weights", scenes_model,
            "--settings", job.to_json(), *SEED, *ON_CPU, "--out", folder / "topk/attack.parquet",
        )  # fmt: skip

    def own(case: str) -> Callable[[Path, int], list[str]]:
        return lambda folder, n: _here(case, "--images", str(n), "--out", str(folder))

    def wide(name: str, folder: Path, features: int) -> list[str]:
        return command(name, features)

    every = "clusters 1 to 10, ten starts"
    two = ("images", "fgsm", "pca")
    return [
        Stage("calibrate", "one universe, one epoch", calibrate, ("images",), IMAGES),
        Stage("craft fgsm", "1 step", craft("fgsm"), ("images",), IMAGES),
        Stage("craft pgd", "20 steps", craft("pgd"), ("images",), IMAGES),
        Stage("embed pca", "784 pixels to 2 components", embed("pca"), two[:2], IMAGES),
        Stage("embed tsne", "50 components, 650 iterations", embed("tsne"), two[:2], IMAGES),
        Stage("cluster kmeans", every, cluster("kmeans"), two, IMAGES),
        Stage("cluster agglomerative", "one Ward linkage", cluster("agglomerative"), two, IMAGES),
        Stage("cluster dbscan", "four settings", cluster("dbscan"), two, IMAGES),
        Stage("cluster hdbscan", "two settings", cluster("hdbscan"), two, IMAGES),
        Stage(
            "select", "all rules on ten k-means settings",
            select, (*two, "clusters"), IMAGES,
        ),
        Stage(
            "retrain", "one model, one of four clusters", retrain,
            (*two, "one clustering", "one selection"), IMAGES,
        ),
        Stage("evaluate", "one model of three, PGD-20", evaluate, ("test",), IMAGES, models=3),
        Stage(
            "topk attack", "T_kMIA, 100 iterations, the eligible 58 % of scenes", topk, ("scenes",),
            IMAGES,
        ),
        Stage(
            "convex clustering", "one gamma, 10 neighbours in the plane", own("convex"), (),
            (1_000, 4_000, 16_000, 60_000, 250_000, 1_000_000), "points",
        ),
        Stage(
            "certificate", "radius of 2 to 12 clusters, exact directions", own("certificate"),
            ("path",), (50, 100, 200, 400, 800, 1_600, 3_200), "points",
        ),
        *(
            Stage(f"wide {name}", what, partial(wide, name), (), FEATURES, "features")
            for name, (what, _) in CASES.items()
        ),
    ]  # fmt: skip


def preparations(config: Config, data: Path, classifier: Path) -> dict[str, Commands]:
    """What is made unmeasured: name -> (folder, size) -> commands."""
    universe = config.selective.universes[config.selective.primary]
    found = {stage.name: stage for stage in stages(config, classifier, Path("unused"))}

    def of(name: str) -> Commands:
        return lambda folder, n: [found[name].command(folder, n)]

    def images(folder: Path, n: int, test: int = OTHERS) -> list[str]:
        return _here("images", "--data", str(data), "--images", str(n), "--test", str(test),
                     "--out", str(folder / "data"))  # fmt: skip

    def one_clustering(folder: Path, n: int) -> list[list[str]]:
        kmeans = config.selective.cluster.kmeans.model_copy(update={"n_clusters": [4]})
        settings = ClusterSettings(kmeans=kmeans).json_for("kmeans")
        return [_cluster(folder, "kmeans", settings, "one")]

    def one_selection(folder: Path, n: int) -> list[list[str]]:
        settings = SelectSettings(rules=["random"], subset_control=False)
        return [_select(folder, "one", settings, "one")]

    def test(folder: Path, n: int) -> list[list[str]]:
        """The baselines of a small training split, beside a test split of n images."""
        own = folder / "test"
        job = RetrainJob(retrain=universe.retrain, attack=universe.attacks["pgd"])
        return [
            images(own, 4_000, n),
            *of("craft pgd")(own, n),
            _advlearn(
                "select", "--outcomes", own / "pgd/outcomes.parquet", "--include-single",
                "--settings", config.selective.select.to_json(), *SEED, "--out", own / "single.csv",
            ),
            _advlearn(
                "retrain", "--data", own / "data/dataset.json", "--weights", classifier,
                "--adversarial", own / "pgd/train.npy", "--selection", own / "single.csv",
                "--model", universe.model.to_json(), "--settings", job.to_json(), *SEED, *ON_CPU,
                "--out", own / "retrained.safetensors",
            ),
        ]  # fmt: skip

    def scenes(folder: Path, n: int, train: int = 10) -> list[list[str]]:
        settings = config.topk.scenes.model_copy(
            update={"train_images": train, "validation_images": 200, "test_images": n}
        )
        return [
            images(folder, 4_000, 4_000),
            _advlearn(
                "topk_data", "--data", folder / "data/dataset.json",
                "--settings", TopkDataJob(data=settings).to_json(),
                "--out", folder / "topk/dataset.json",
            ),
        ]  # fmt: skip

    def path(folder: Path, n: int) -> list[list[str]]:
        graph = config.bilevel.graph
        few = PathSettings(gammas=25, range=(1.0, 1e7), n_clusters=FEW)
        blobs = BlobsSettings(points=n, clusters=3, separation=6.0)
        return [
            _advlearn(
                "bilevel_data", "--settings", BilevelDataJob(data=blobs).to_json(),
                "--out", folder / "blobs.npz",
            ),
            _advlearn(
                "bilevel_path", "--data", folder / "blobs.npz", "--name", "blobs",
                "--settings", BilevelPathJob(graph=graph, path=few).to_json(),
                "--out", folder / "path.csv",
            ),
        ]  # fmt: skip

    def models(folder: Path, n: int) -> list[list[str]]:
        """The two classifiers that all sizes share."""
        study = config.topk
        model = study.models[study.primary]
        training = model.training.model_copy(update={"epochs": 2})
        pretrain = PretrainJob(model=universe.model, training=universe.training)
        return [
            *scenes(folder, 10, 2_000),
            _advlearn(
                "topk_pretrain", "--data", folder / "topk/dataset.json",
                "--settings", model.model_copy(update={"training": training}).to_json(),
                "--model", study.primary, *SEED, *ON_CPU,
                "--sources", config.sources.to_json(), "--cache", folder / "cache",
                "--out", folder / "scenes.safetensors",
            ),
            images(folder, 16_000),
            _advlearn(
                "pretrain", "--data", folder / "data/dataset.json",
                "--settings", pretrain.to_json(), *SEED, *ON_CPU,
                "--out", folder / "classifier.safetensors",
            ),
        ]  # fmt: skip

    return {
        "images": lambda folder, n: [images(folder, n)],
        "fgsm": of("craft fgsm"),
        "pca": of("embed pca"),
        "clusters": of("cluster kmeans"),
        "one clustering": one_clustering,
        "one selection": one_selection,
        "test": test,
        "scenes": scenes,
        "path": path,
        "models": models,
    }


MADE = {
    "images": "data/dataset.json",
    "fgsm": "fgsm/outcomes.parquet",
    "pca": "pca.npy",
    "clusters": "clusters/kmeans.parquet",
    "one clustering": "one/kmeans.parquet",
    "one selection": "one.csv",
    "test": "test/retrained.safetensors",
    "scenes": "topk/dataset.json",
    "path": "path.npz",
    "models": "classifier.safetensors",
}
"""The file that shows that a preparation is done; its stage may have made it already."""


def _advlearn(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "advlearn", *map(str, arguments)]


def _cluster(folder: Path, name: str, settings: str, out: str) -> list[str]:
    return _advlearn(
        "cluster", "--embedding", folder / "pca.npy", "--settings", settings,
        "--clusterer", name, *SEED, "--out", folder / out / f"{name}.parquet",
    )  # fmt: skip


def _select(folder: Path, clusters: str, settings: SelectSettings, out: str) -> list[str]:
    return _advlearn(
        "select", "--outcomes", folder / "fgsm/outcomes.parquet",
        "--clusters", folder / clusters / "kmeans.parquet",
        "--settings", settings.to_json(), *SEED, "--out", folder / f"{out}.csv",
    )  # fmt: skip


def _here(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.scaling_cases", *arguments]

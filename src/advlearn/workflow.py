"""What the rules need to know while the graph of jobs is built, without torch or pandas."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from advlearn.config import Config, Job, load
from advlearn.settings.base import Settings
from advlearn.settings.bilevel import BilevelCollectSettings
from advlearn.settings.bilevel_attack import BilevelAttackJob, BilevelBlackboxJob
from advlearn.settings.bilevel_certify import BilevelCertifyJob
from advlearn.settings.bilevel_data import BilevelDataJob, BilevelPathJob, CsvSettings, PointSet
from advlearn.settings.collect import CollectedJob, CollectSettings
from advlearn.settings.data import SourceSettings
from advlearn.settings.jobs import CraftJob, EvaluateJob, PretrainJob, RetrainJob
from advlearn.settings.topk import (
    CollectedAttack,
    TopkAttackJob,
    TopkCollectSettings,
    TopkDataJob,
    TopkModelSettings,
    TopkTransferJob,
)
from advlearn.settings.topk_study import JOBS
from advlearn.settings.universe import UniverseSettings
from advlearn.support import runlock
from advlearn.support.codedigest import code_digest, external_digest, package_root
from advlearn.support.errors import UserError
from advlearn.support.leftovers import remove_leftovers
from advlearn.support.provenance import lock_digest

HELPERS = {"explain", "summary"}
"""Modules beside the stages that no rule runs: a result cannot depend on them."""
_BRACES = {"{", "}"}


class Wildcards(Protocol):
    """The wildcards of a job, as attributes."""

    def __getattr__(self, name: str) -> str: ...


class Plan:
    """A checked configuration with the inputs and parameters of every rule.

    Args:
        values: the merged configuration.
        files: the files it came from, for messages.
        lock: lock file of the environment.

    Raises:
        UserError: the configuration is wrong, or the project's folder has braces in its name.
    """

    def __init__(self, values: Mapping[str, Any], files: Sequence[Any], lock: Path) -> None:
        folder = lock.resolve().parent
        if _BRACES & set(str(folder)):
            raise UserError(
                "Snakemake cannot work in a folder with braces in its name",
                where=str(folder),
                remedy="rename the folder, or move the project to another one",
            )
        where = " + ".join(str(file) for file in files) or "configuration"
        given = {key: value for key, value in values.items() if key != "pathvars"}
        self.config: Config = load(given, where)
        self._left_out = {
            (study, key): [name for name, value in given[study][key].items() if value is None]
            for study, key in (("topk", "models"), ("topk", "label_sets"), ("bilevel", "datasets"))
        }
        for name in self._own_names():
            external_digest(name)
        self.lock = lock_digest(lock)
        self.lock_file = _shown(lock)
        self.run_folder = f"results/{self.config.run}"
        self.log_folder = f"logs/{self.config.run}"
        self.dataset = self.config.data.dataset
        self.raw = _raw_name(self.config)
        self.published_folder = _shown(lock.parent / "config" / "published")
        self.seeds = self.config.seeds
        # Only a GPU that was asked for by name is asked of the scheduler: the machine on which the
        # graph is built need not be the one that computes, so `auto` cannot know.
        self.gpus = int(self.config.device == "cuda")
        self._jobs = {(job.universe, job.attack, job.reduction): job for job in self.config.jobs()}
        topk = self.config.topk
        self.topk_seeds = self.seeds if topk.seeds is None else topk.seeds
        self.bilevel_seeds = self.config.bilevel.seeds or self.seeds
        self._topk_attacks = [(job, model) for job in JOBS for model in topk.models_of(job)]
        python = _in_prefix(Path(sys.executable).parent)
        source = _in_prefix(package_root().parent)
        # Idle threads of OpenMP spin by default and take the core from the job beside.
        self.shell_prefix = (
            f"set -euo pipefail; export OMP_WAIT_POLICY=passive PATH={python}:$PATH"
            f" PYTHONPATH={source}${{{{PYTHONPATH:+:$PYTHONPATH}}}}; "
        )

    def begin(self) -> None:
        """Take this folder for the run that begins now, and clear what killed jobs have left.

        Raises:
            UserError: another run works here, or the clock was set back.
        """
        runlock.begin()
        remove_leftovers(Path(self.run_folder))
        runlock.share()

    def code(self, stage: str) -> str:
        """Digest of everything of the package that a stage can reach."""
        return code_digest(f"advlearn.stages.{stage}")

    def digests(self) -> str:
        """Code digests of all stages that rules run, JSON."""
        modules = {path.stem for path in (package_root() / "stages").glob("[a-z]*.py")}
        return json.dumps({stage: self.code(stage) for stage in sorted(modules - HELPERS)})

    def resolved(self) -> str:
        """The whole configuration with every default, JSON.

        Names that were taken away stay in it with null: given to Snakemake it is laid over
        config/config.yaml again, which has them.
        """
        values = json.loads(self.config.to_json())
        for (study, key), names in self._left_out.items():
            values[study][key].update(dict.fromkeys(names))
        return json.dumps(values)

    # Parameters of the stages, canonical JSON.

    def sources(self) -> str:
        """Parameters of download."""
        return self.config.sources.to_json()

    def data(self) -> str:
        """Parameters of prepare."""
        return self.config.data.to_json()

    def pretrain(self, wildcards: Wildcards) -> str:
        """Parameters of pretrain."""
        universe = self._universe(wildcards)
        return PretrainJob(model=universe.model, training=universe.training).to_json()

    def model(self, wildcards: Wildcards) -> str:
        """Architecture of a universe."""
        return self._universe(wildcards).model.to_json()

    def own_model(self, wildcards: Wildcards) -> str | None:
        """Digest of the source of a user's own network, none for the registered ones."""
        return external_digest(self._universe(wildcards).model.name)

    def own_clusterer(self, wildcards: Wildcards) -> str | None:
        """Digest of the source of a user's own clusterer, none for the registered ones."""
        own = self.config.selective.cluster.own.get(wildcards.clusterer)
        return external_digest(own.function) if own else None

    def calibrate(self) -> str:
        """Parameters of calibrate."""
        return self.config.selective.calibrate.to_json()

    def craft(self, wildcards: Wildcards) -> str:
        """Parameters of craft."""
        return CraftJob(attack=self._universe(wildcards).attacks[wildcards.attack]).to_json()

    def embed(self, wildcards: Wildcards) -> str:
        """Parameters of embed: only those of the job's own reduction."""
        return self.config.selective.embed.json_for(wildcards.reduction)

    def embed_threads(self, wildcards: Wildcards) -> int:
        """Threads of embed, fixed by the configuration."""
        embed = self.config.selective.embed
        return embed.tsne.threads if wildcards.reduction == "tsne" else embed.pca_threads

    def cluster(self, wildcards: Wildcards) -> str:
        """Parameters of cluster: only those of the job's own clusterer."""
        return self.config.selective.cluster.json_for(wildcards.clusterer)

    def select(self, wildcards: Wildcards) -> str:
        """Parameters of select."""
        return self._job(wildcards).select.to_json()

    def single(self, wildcards: Wildcards) -> str:
        """Option of select: the cells without clustering are in one reduction of each attack."""
        reductions = [
            job.reduction
            for job in self._jobs.values()
            if (job.universe, job.attack) == (wildcards.universe, wildcards.attack)
        ]
        chosen = "pca" if "pca" in reductions else reductions[0]
        return "--include-single" if wildcards.reduction == chosen else ""

    def retrain(self, wildcards: Wildcards) -> str:
        """Parameters of retrain."""
        universe = self._universe(wildcards)
        attack = universe.attacks[wildcards.attack]
        return RetrainJob(retrain=universe.retrain, attack=attack).to_json()

    def evaluate(self, wildcards: Wildcards) -> str:
        """Parameters of evaluate."""
        attack = self._universe(wildcards).attacks[wildcards.attack]
        return EvaluateJob(attack=attack, evaluation=self.config.selective.evaluate).to_json()

    def collect(self) -> str:
        """Parameters of collect."""
        selective = self.config.selective
        study = selective.model_dump(mode="json", exclude={"universes", "grid", "calibrate"})
        universes = {name: _dump(value) for name, value in selective.universes.items()}
        return CollectSettings(
            run=self.config.run,
            seeds=self.seeds,
            calibration_seeds=selective.calibrate.seeds,
            jobs=tuple(
                CollectedJob(
                    universe=job.universe,
                    attack=job.attack,
                    reduction=job.reduction,
                    clusterers=job.clusterers,
                )
                for job in self._jobs.values()
            ),
            primary=selective.primary,
            protocol=selective.universes[selective.primary].protocol,
            universes=universes,
            study={**study, "seeds": list(self.seeds), "selection_split": "validation"},
        ).to_json()

    # Inputs of the stages that gather.

    def clusterings(self, wildcards: Wildcards) -> list[str]:
        """Cluster files of one line of the grid."""
        folder = (
            f"{self.run_folder}/clusters/{wildcards.universe}/seed{wildcards.seed}"
            f"/{wildcards.attack}/{wildcards.reduction}"
        )
        return [f"{folder}/{name}.parquet" for name in self._job(wildcards).clusterers]

    def clusterers(self, wildcards: Wildcards) -> tuple[str, ...]:
        """Names of the clusterers of one line of the grid."""
        return self._job(wildcards).clusterers

    def evaluations(self) -> list[str]:
        """Evaluation files of all lines of the grid and all seeds."""
        return [
            f"{self.run_folder}/evaluation/{job.universe}/seed{seed}/{job.attack}/{job.reduction}.csv"
            for job in self._jobs.values()
            for seed in self.seeds
        ]

    def calibrations(self) -> list[str]:
        """Calibration files, one a calibration seed."""
        return [
            f"{self.run_folder}/calibration/seed{s}.csv"
            for s in self.config.selective.calibrate.seeds
        ]

    def own_arrays(self) -> list[str]:
        """The user's own array file, an input of download; nothing for every other data set."""
        root = self.config.sources.root
        if self.dataset != "arrays" or root is None:
            return []
        return [_as_input(root, "sources.root")]

    # Study 2.

    def topk_data(self) -> str:
        """Parameters of topk_data."""
        scenes = self.config.topk.dataset == "scenes"
        # Where files may come from matters only to a job that fetches some.
        sources = SourceSettings() if scenes else self.config.sources
        return TopkDataJob(data=self.config.topk.data, sources=sources).to_json()

    def topk_raw(self) -> str:
        """Folder of downloaded photos, shared by all runs."""
        return f"results/raw/{self.config.topk.dataset}"

    def topk_pretrain(self, wildcards: Wildcards) -> str:
        """Parameters of topk_pretrain."""
        return self._topk_model(wildcards).to_json()

    def topk_sources(self, wildcards: Wildcards) -> str:
        """Where the ImageNet weights of a network may come from."""
        weights = getattr(self._topk_model(wildcards).network, "weights", None)
        return (self.config.sources if weights == "imagenet" else SourceSettings()).to_json()

    def own_topk_model(self, wildcards: Wildcards) -> str | None:
        """Digest of the source of a user's own multi-label network."""
        return external_digest(self._topk_model(wildcards).network.name)

    def own_topk_models(self) -> list[str | None]:
        """Digests of the sources of the user's own multi-label networks."""
        return [external_digest(each.network.name) for each in self.config.topk.models.values()]

    def topk_attack(self, wildcards: Wildcards) -> str:
        """Parameters of topk_attack."""
        topk, job = self.config.topk, wildcards.job
        if (job, wildcards.model) not in self._topk_attacks:
            raise _not_in_run(f"{job}/{wildcards.model}", "job and model", "topk")
        return TopkAttackJob(
            cells=topk.cells(job),
            images=topk.images,
            keep_images=job == "transfer",
            batch_size=topk.batch_size,
        ).to_json()

    def topk_mem_mb(self, wildcards: Wildcards) -> int:
        """Memory of a job that needs gradients of a classifier of study 2, in MB.

        Nearly all of it is what a network keeps of a batch between its two passes. For photos it
        is that of a ResNet-50, 2.6e-3 MB a pixel when it is attacked, with a quarter to spare.
        """
        topk = self.config.topk
        if topk.dataset == "scenes":
            return 4000
        batch = max(topk.batch_size, self._topk_model(wildcards).training.batch_size)
        side = topk.photos.size or 448  # the largest that a data set has of its own
        return 2000 + round(3.3e-3 * side**2 * batch)

    def topk_transfer(self) -> str:
        """Parameters of topk_transfer."""
        topk = self.config.topk
        return TopkTransferJob(
            models=tuple(topk.models),
            methods=topk.methods_of("transfer"),
            clean_map=topk.attack_of(topk.methods[0]).clean_map,
            k=topk.focus.k,
            n_specified=topk.focus.n_specified,
        ).to_json()

    def topk_transfer_inputs(self, wildcards: Wildcards) -> list[str]:
        """Classifiers, outcomes and perturbed images that topk_transfer reads, of one seed."""
        folder, seed = f"{self.run_folder}/topk", wildcards.seed
        return [
            path
            for model in self.config.topk.models
            for path in (
                f"{folder}/models/{model}/seed{seed}.safetensors",
                f"{folder}/attacks/{model}/transfer/seed{seed}.parquet",
                f"{folder}/attacks/{model}/transfer/seed{seed}.csv",
                f"{folder}/attacks/{model}/transfer/seed{seed}.npy",
            )
        ]

    def topk_results(self) -> list[str]:
        """All that topk_collect gathers."""
        folder, seeds = f"{self.run_folder}/topk", self.topk_seeds
        models = [f"{folder}/models/{name}" for name in self.config.topk.models]
        attacks = [f"{folder}/attacks/{model}/{job}" for job, model in self._topk_attacks]
        shown = f"{folder}/attacks/{self.config.topk.primary}/transfer/seed{seeds[0]}.npy"
        return [
            *(f"{model}/seed{seed}.metrics.csv" for model in models for seed in seeds),
            *(f"{attack}/seed{seed}.parquet" for attack in attacks for seed in seeds),
            *(f"{attack}/seed{seed}.csv" for attack in attacks for seed in seeds),
            *(f"{folder}/transfer/seed{seed}.csv" for seed in seeds),
            shown,
        ]

    def topk_collect(self) -> str:
        """Parameters of topk_collect."""
        topk = self.config.topk
        return TopkCollectSettings(
            run=self.config.run,
            seeds=self.topk_seeds,
            models=tuple(topk.models),
            primary=topk.primary,
            preset=topk.preset,
            attacks=tuple(
                CollectedAttack(model=model, job=job, cells=topk.cells(job))
                for job, model in self._topk_attacks
            ),
            examples=topk.examples,
            study={
                "label_sets": {name: list(labels) for name, labels in topk.label_sets.items()},
                "images": topk.images,
                "settings": {
                    **_dump(topk),
                    "attack": _dump(topk.attack_of(topk.methods[0])),
                },
            },
        ).to_json()

    # Study 3.

    def bilevel_data(self, wildcards: Wildcards) -> str:
        """Parameters of bilevel_data."""
        bilevel = self.config.bilevel
        return BilevelDataJob(
            data=self._point_set(wildcards), n_neighbors=bilevel.graph.n_neighbors
        ).to_json()

    def bilevel_own(self, wildcards: Wildcards) -> list[str]:
        """The user's own table, an input of bilevel_data; nothing for every other point set."""
        data = self._point_set(wildcards)
        if not isinstance(data, CsvSettings):
            return []
        return [_as_input(data.path, f"bilevel.datasets.{wildcards.dataset}.path")]

    def bilevel_path(self, wildcards: Wildcards) -> str:
        """Parameters of bilevel_path."""
        bilevel = self.config.bilevel
        return BilevelPathJob(
            graph=bilevel.graph,
            path=bilevel.path,
            trajectories=wildcards.dataset in bilevel.datasets_of("trajectories"),
        ).to_json()

    def bilevel_certify(self) -> str:
        """Parameters of bilevel_certify."""
        bilevel = self.config.bilevel
        return BilevelCertifyJob(graph=bilevel.graph, certify=bilevel.certify).to_json()

    def bilevel_attack(self) -> str:
        """Parameters of bilevel_attack."""
        bilevel = self.config.bilevel
        return BilevelAttackJob(graph=bilevel.graph, attack=bilevel.attack).to_json()

    def bilevel_blackbox(self) -> str:
        """Parameters of bilevel_blackbox."""
        bilevel = self.config.bilevel
        return BilevelBlackboxJob(graph=bilevel.graph, blackbox=bilevel.blackbox).to_json()

    def bilevel_onepoint(self) -> str:
        """Parameters of bilevel_onepoint."""
        return self.config.bilevel.onepoint.to_json()

    def bilevel_delta(self) -> str:
        """Parameters of bilevel_delta."""
        return self.config.bilevel.delta.to_json()

    def bilevel_point_sets(self) -> list[str]:
        """The point sets of the run."""
        return [
            f"{self.run_folder}/bilevel/data/{name}.npz" for name in self.config.bilevel.datasets
        ]

    def bilevel_results(self) -> list[str]:
        """All that bilevel_collect gathers, the point sets aside."""
        folder, of = f"{self.run_folder}/bilevel", self.config.bilevel.datasets_of
        certified = ("interval", "sandwich", "calmness", "defence")
        measured = ("formulas", "moved", "monotone", "agreement")
        return [
            *(
                f"{folder}/path/{name}.{end}"
                for name in self.config.bilevel.datasets
                for end in ("csv", "npz", "trajectories.csv")
            ),
            *(
                f"{folder}/certify/{name}/{kind}.csv"
                for name in of("certify")
                for kind in certified
            ),
            *(
                f"{folder}/attack/{name}/seed{seed}.{end}"
                for name in of("attack")
                for seed in self.bilevel_seeds
                for end in ("csv", "staircase.csv")
            ),
            *(
                f"{folder}/blackbox/{name}/seed{seed}.csv"
                for name in of("blackbox")
                for seed in self.bilevel_seeds
            ),
            *(f"{folder}/delta/{kind}.csv" for kind in measured),
            f"{folder}/onepoint.csv",
        ]

    def bilevel_collect(self) -> str:
        """Parameters of bilevel_collect."""
        bilevel = self.config.bilevel
        return BilevelCollectSettings(
            run=self.config.run,
            seeds=self.bilevel_seeds,
            datasets=tuple(bilevel.datasets),
            trajectories=bilevel.datasets_of("trajectories"),
            certify=bilevel.datasets_of("certify"),
            attack=bilevel.datasets_of("attack"),
            blackbox=bilevel.datasets_of("blackbox"),
            study=bilevel,
        ).to_json()

    def published(self) -> list[str]:
        """Files of published numbers."""
        return sorted(str(path) for path in Path(self.published_folder).glob("*.csv"))

    def _topk_model(self, wildcards: Wildcards) -> TopkModelSettings:
        try:
            return self.config.topk.models[wildcards.model]
        except KeyError:
            raise _not_in_run(wildcards.model, "model", "topk") from None

    def _point_set(self, wildcards: Wildcards) -> PointSet:
        try:
            return self.config.bilevel.datasets[wildcards.dataset]
        except KeyError:
            raise _not_in_run(wildcards.dataset, "data set", "bilevel") from None

    def _own_names(self) -> list[str]:
        """Networks and clusterers of the user's own, as package.module:function."""
        selective = self.config.selective
        models = [universe.model.name for universe in selective.universes.values()]
        models += [model.name for model in selective.calibrate.models]
        models += [model.network.name for model in self.config.topk.models.values()]
        return [*models, *(own.function for own in selective.cluster.own.values())]

    def _universe(self, wildcards: Wildcards) -> UniverseSettings:
        try:
            return self.config.selective.universes[wildcards.universe]
        except KeyError:
            raise _not_in_run(wildcards.universe, "universe") from None

    def _job(self, wildcards: Wildcards) -> Job:
        key = (wildcards.universe, wildcards.attack, wildcards.reduction)
        if key not in self._jobs:
            raise _not_in_run("/".join(key), "universe, attack and reduction")
        return self._jobs[key]


def _shown(path: Path) -> str:
    """Relative where it can be: a project that is moved does not run again."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _in_prefix(path: Path) -> str:
    """A path in the prefix of all shell commands, which Snakemake formats once."""
    return shlex.quote(str(path)).replace("{", "{{").replace("}", "}}")


def _as_input(path: Path, key: str) -> str:
    """A file of the user's own as an input of a rule."""
    if _BRACES & set(str(path)):
        raise UserError(
            "Snakemake takes braces in the name of a file for wildcards",
            where=f"configuration key '{key}': {path}",
            remedy="rename the file or its folder, or give a link to it",
        )
    return str(path)


def _raw_name(config: Config) -> str:
    """Folder of the raw files below results/raw: one a data set, and one a file of own arrays."""
    if config.data.dataset != "arrays":
        return config.data.dataset
    return f"arrays-{hashlib.blake2b(str(config.sources.root).encode(), digest_size=4).hexdigest()}"


def _dump(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json")


def _not_in_run(name: str, kind: str, study: str = "selective") -> UserError:
    keys = {
        "selective": "'selective.universes' and 'selective.grid'",
        "topk": "'topk.models' and 'topk.methods'",
        "bilevel": "'bilevel.datasets' and 'bilevel.experiments'",
    }
    return UserError(
        f"no such {kind} in this run: {name}",
        where="the target that was asked for",
        remedy=f"add it to {keys[study]} of the configuration",
    )

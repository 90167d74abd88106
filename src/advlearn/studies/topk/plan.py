"""What the rules of study 2 need to know while the graph of jobs is built."""

from __future__ import annotations

import math

from advlearn.settings.data import SourceSettings
from advlearn.settings.network import TorchvisionSettings
from advlearn.settings.run import Wildcards
from advlearn.settings.topk import ON_CPU
from advlearn.studies.plan import StudyPlan
from advlearn.studies.topk import work
from advlearn.studies.topk.settings.jobs import TopkModelSettings
from advlearn.studies.topk.settings.study import TopkSettings
from advlearn.support import gpu
from advlearn.support.codedigest import own_function_digest


class TopkPlan(StudyPlan[TopkSettings]):
    """Models, attacks and parameters that are not those of one job's settings class."""

    @property
    def downloads(self) -> bool:
        """Photos are data of their own, of which the run's images are no part."""
        return self.settings.dataset == "scenes"

    def models(self) -> list[dict[str, object]]:
        """Wildcards of every classifier and seed."""
        return [{"model": model, "seed": s} for model in self.settings.models for s in self.seeds]

    def attacks(self) -> list[dict[str, object]]:
        """Wildcards of every attack job and seed."""
        return [
            {"model": model, "job": job, "seed": seed}
            for job, model in self.settings.attack_jobs()
            for seed in self.seeds
        ]

    def transfers(self) -> list[dict[str, object]]:
        """Wildcards of every transfer."""
        return [{"seed": seed} for seed in self.seeds]

    def shown(self) -> dict[str, object]:
        """Wildcards of the attack whose images are shown."""
        return {"model": self.settings.primary, "job": "transfer", "seed": self.seeds[0]}

    def work(self, stage: str, wildcards: Wildcards) -> float:
        """As in `StudyPlan`."""
        if self.settings.dataset != "scenes" or self._has_large_network(stage, wildcards):
            return math.inf
        return work.OF_STAGE[stage](self.settings, self.images, wildcards)

    def _has_large_network(self, stage: str, wildcards: Wildcards) -> bool:
        """Whether a job has a network of torchvision, which is no small one."""
        models = self.settings.models
        of_job = models.values() if stage == "topk_transfer" else [models.get(wildcards.model)]
        return any(each and isinstance(each.network, TorchvisionSettings) for each in of_job)

    @property
    def gpu_mb(self) -> int:
        """As in `StudyPlan`: a job on photos wants what it would take of a machine's memory."""
        return max(gpu.JOB_MB, *map(self._mem_mb, self.settings.models.values()))

    def raw(self) -> str:
        """Folder of downloaded photos, shared by all runs."""
        return f"results/raw/{self.settings.dataset}"

    def sources(self, wildcards: Wildcards) -> str:
        """Where the ImageNet weights of a network may come from, JSON."""
        weights = getattr(self.settings.model_of(wildcards).network, "weights", None)
        return (self.run.sources if weights == "imagenet" else SourceSettings()).to_json()

    def own_model(self, wildcards: Wildcards) -> str | None:
        """Digest of the source of a user's own multi-label network."""
        return own_function_digest(self.settings.model_of(wildcards).network.name)

    def own_code(self, wildcards: Wildcards) -> str | list[str | None] | None:
        """Digests of the sources of a user's own network and methods; that of the network alone
        where no method is the user's own.
        """
        methods = [own_function_digest(each.function) for each in self.settings.own.values()]
        model = self.own_model(wildcards)
        return [model, *methods] if methods else model

    def own_models(self) -> list[str | None]:
        """Digests of the sources of the user's own multi-label networks."""
        return [own_function_digest(each.network.name) for each in self.settings.models.values()]

    def mem_mb(self, wildcards: Wildcards) -> int:
        """Memory of a job that needs gradients of a classifier of study 2, in MB."""
        return self._mem_mb(self.settings.model_of(wildcards))

    def _mem_mb(self, model: TopkModelSettings) -> int:
        """Memory of a job with the model.

        Nearly all of it is what a network keeps of a batch between its two passes. For photos it
        is that of a ResNet-50, 2.6e-3 MB a pixel when it is attacked, with a quarter to spare; a
        vision transformer with patches of 16 pixels keeps 1.2 times as much, torchvision's others
        less.
        """
        topk = self.settings
        if topk.dataset == "scenes" and not isinstance(model.network, TorchvisionSettings):
            return 4000
        # Where the batch follows the memory of a GPU, little of it is in that of the machine.
        batch = max(topk.batch_size or ON_CPU, model.training.batch_size)
        side = topk.photos.size or 448  # the largest that a data set has of its own
        if topk.dataset == "scenes":
            side = topk.scenes.canvas
        if isinstance(model.network, TorchvisionSettings):
            side = model.network.side or side
        kept = 4e-3 if model.network.name == "vit_b_16" else 3.3e-3
        return 2000 + round(kept * side**2 * batch)

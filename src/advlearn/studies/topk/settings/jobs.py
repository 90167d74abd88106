"""Settings of the jobs of study 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field

from advlearn.settings.base import Settings
from advlearn.settings.data import SourceSettings
from advlearn.settings.multilabel import MultiLabelTraining, PhotosSettings, ScenesSettings
from advlearn.settings.network import AnyNetworkSettings
from advlearn.settings.run import not_in_run
from advlearn.settings.topk import Knowledge, Scheme, TopkAttackSettings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.topk.settings.study import TopkSettings

TopkDataSettings = Annotated[ScenesSettings | PhotosSettings, Field(discriminator="name")]


class TopkDataJob(Settings):
    """Settings of the stage topk_data."""

    data: TopkDataSettings = Field(..., description="which data set")
    sources: SourceSettings = Field(
        SourceSettings(), description="where the archives of photos may come from"
    )

    @classmethod
    def of(cls, study: TopkSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The data set of the study."""
        # Where files may come from matters only to a job that fetches some.
        sources = SourceSettings() if study.dataset == "scenes" else run.sources
        return cls(data=study.data, sources=sources)


class TopkModelSettings(Settings):
    """A network and its training."""

    network: AnyNetworkSettings = Field(..., description="architecture of the classifier")
    training: MultiLabelTraining = Field(
        MultiLabelTraining(), description="how it is trained on the training split"
    )

    @classmethod
    def of(cls, study: TopkSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The classifier of the job."""
        return cls.model_validate(study.model_of(wildcards))


class TopkCell(Settings):
    """One line of the result: a method on one choice of labels, k and knowledge."""

    experiment: str = Field(..., description="whose tables the cell belongs to")
    scheme: Scheme
    labels: str = Field(
        ...,
        description="name of the label set; 'random' for the random scheme, with the numbers of"
        " labels where images are chosen by them",
    )
    specified: tuple[int, ...] = Field((), description="global: indices of the label set")
    n_specified: int = Field(..., ge=1, description="|S|: size of the set, or labels an image")
    k: int = Field(..., ge=1)
    relevant: tuple[int, int] | None = Field(
        None, description="fewest and most relevant labels of an attacked image; null: any"
    )
    attack: TopkAttackSettings
    knowledge: Knowledge = "truth"
    hidden: float = Field(
        0.0, ge=0, lt=1, description="share of the labels the attacker cannot see"
    )


class TopkAttackJob(Settings):
    """Settings of one job of topk_attack: cells on one model."""

    cells: tuple[TopkCell, ...] = Field(..., min_length=1)
    images: int = Field(..., ge=1, description="first eligible test images of each cell")
    keep_images: bool = Field(False, description="write the perturbed images down")
    batch_size: int | None = Field(None, ge=1)

    @property
    def own_functions(self) -> list[str]:
        """Losses of the user's own that the cells descend, each once."""
        found = [cell.attack.own.function for cell in self.cells if cell.attack.own]
        return list(dict.fromkeys(found))

    @classmethod
    def of(cls, study: TopkSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The cells of the job; only the images made for the transfer are kept."""
        job = wildcards.job
        if (job, wildcards.model) not in study.attack_jobs():
            raise not_in_run(
                f"{job}/{wildcards.model}", "job and model", "'topk.models' and 'topk.methods'"
            )
        return cls(
            cells=study.cells(job),
            images=study.images,
            keep_images=job == "transfer",
            batch_size=study.batch_size,
        )


class TopkSearchJob(TopkAttackJob):
    """Settings of one job of topk_search: a cell for each step of each attack."""

    cells: tuple[TopkCell, ...] = Field(..., description="none where nothing is searched")
    parameters: tuple[str, ...] = Field(..., description="the key that is the step of each cell")

    @classmethod
    def of(cls, study: TopkSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The steps tried on the job's model."""
        study.model_of(wildcards)
        found = study.searched_cells(wildcards.model)
        return cls(
            cells=tuple(cell for _, cell in found),
            parameters=tuple(key for key, _ in found),
            images=study.search.images if study.search else 1,
            batch_size=study.batch_size,
        )


class TopkTransferJob(Settings):
    """Settings of topk_transfer: every model sees the images made for every other."""

    models: tuple[str, ...] = Field(..., min_length=1)
    methods: tuple[str, ...] = Field(..., min_length=1)
    clean_map: Literal["tanh_raw", "arctanh"] = "arctanh"
    k: int = Field(..., ge=1)
    n_specified: int = Field(..., ge=1)

    @classmethod
    def of(cls, study: TopkSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The same for every seed."""
        return cls(
            models=tuple(study.models),
            methods=study.methods_of("transfer"),
            clean_map=study.attack_of(study.methods[0]).clean_map,
            k=study.focus.k,
            n_specified=study.focus.n_specified,
        )


class CollectedAttack(Settings):
    """One job of topk_attack, for every seed."""

    model: str
    job: str
    cells: tuple[TopkCell, ...]


class TopkCollectSettings(Settings):
    """The jobs whose results topk_collect gathers; ``study`` is what the report quotes."""

    run: str
    seeds: tuple[int, ...] = Field(..., min_length=1)
    models: tuple[str, ...] = Field(..., min_length=1)
    primary: str
    preset: str
    attacks: tuple[CollectedAttack, ...] = Field(..., min_length=1)
    examples: int = Field(..., ge=1)
    searched: dict[str, int] = Field({}, description="model -> steps tried on it; none: no search")
    study: dict[str, Any]

    @classmethod
    def of(cls, study: TopkSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """All attacks of the run."""
        settings = {
            **study.model_dump(mode="json"),
            "attack": study.attack_of(study.methods[0]).model_dump(mode="json"),
        }
        return cls(
            run=run.run,
            seeds=study.seeds_of(run),
            models=tuple(study.models),
            primary=study.primary,
            preset=study.preset,
            attacks=tuple(
                CollectedAttack(model=model, job=job, cells=study.cells(job))
                for job, model in study.attack_jobs()
            ),
            examples=study.examples,
            searched=(
                {name: len(study.searched_cells(name)) for name in study.models}
                if study.search
                else {}
            ),
            study={
                "label_sets": {name: list(labels) for name, labels in study.label_sets.items()},
                "images": study.images,
                "settings": settings,
            },
        )

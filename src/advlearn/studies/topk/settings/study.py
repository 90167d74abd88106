"""The whole of study 2 as the configuration has it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from advlearn.data.multilabel.heads import count_classes
from advlearn.settings.base import (
    NAME_KEY,
    EachOnce,
    Seeds,
    Settings,
    WrongKey,
    check_plain_names,
    objection,
    without_null,
)
from advlearn.settings.data import ImageFacts
from advlearn.settings.multilabel import N_LABELS, PhotosOptions, PhotosSettings, ScenesSettings
from advlearn.settings.own import check_known
from advlearn.settings.run import RunSettings, StudySettings, Wildcards, entry_of
from advlearn.settings.topk import (
    METHODS,
    ON_CPU,
    PRESETS,
    OwnTopkMethod,
    Surrogate,
    TopkAttackSettings,
)
from advlearn.studies.topk.settings.cells import JOBS, cells_of, searched_cells
from advlearn.studies.topk.settings.fit import (
    check_images,
    check_labels,
    check_sides,
    check_weights,
)
from advlearn.studies.topk.settings.jobs import TopkCell, TopkDataSettings, TopkModelSettings
from advlearn.studies.topk.settings.search import TopkSearchSettings
from advlearn.support.errors import UserError, did_you_mean

_KEYS = "'topk.models' and 'topk.methods'"
_Count = Annotated[int, Field(ge=1, le=10_000)]
_Share = Annotated[float, Field(ge=0, lt=1)]
_Weight = Annotated[float, Field(ge=0)]


class FocusSettings(Settings):
    """The one choice of k and |S| of the sweeps and the transfer; density takes its |S|."""

    k: _Count = Field(3, description="k of the sweeps")
    n_specified: _Count = Field(
        2, description="labels drawn for an image in the sweeps and in density"
    )


_BATCH_SIZE = (
    f"images attacked at once; bounds the memory. `null`: by the device, {ON_CPU} on a CPU and what"
    " fits into the memory of a GPU"
)


class TopkSettings(StudySettings):
    """Study 2: imperceptible top-k multi-label attacks (T_kMIA, 2023)."""

    dataset: Literal["scenes", "voc2012", "coco2014", "nuswide"] = Field(
        "scenes", description="scenes of the run's own images, or a public set of photos"
    )
    scenes: ScenesSettings = Field(ScenesSettings(), description="read by 'dataset: scenes'")
    photos: PhotosOptions = Field(PhotosOptions(), description="read by the other data sets")
    seeds: Seeds | None = Field(None, description="seeds of this study; null: those of the run")
    models: dict[str, TopkModelSettings] = Field(
        ...,
        min_length=1,
        description="classifiers by the name that tables and paths use; null leaves one out",
    )
    primary: str = Field(..., description="the model of all experiments but transfer")
    preset: Literal["sound", "authors"] = Field(
        "sound",
        description="sound: starts at the image, nearest success, one budget for all methods;"
        " authors: the published algorithm",
    )
    attack: dict[str, Any] = Field(
        {}, description="values laid over the preset, by their names in it"
    )
    by_method: dict[str, dict[str, Any]] = Field(
        {},
        description="values laid over the preset for one method (an unequal budget)",
        json_schema_extra={NAME_KEY: "METHOD"},
    )
    search: TopkSearchSettings | None = Field(
        None,
        description="search for the step of each attack on validation images, for each model and"
        " seed; null: the steps of `attack` and `by_method`",
    )
    methods: Annotated[tuple[str, ...], EachOnce] = Field(
        METHODS,
        min_length=1,
        description="attacks of the experiments global, random, transfer and density: "
        + ", ".join(METHODS)
        + ", or a name of own",
    )
    own: dict[str, OwnTopkMethod] = Field({}, description="methods of one's own, by name")
    k: Annotated[tuple[_Count, ...], EachOnce] = Field(
        (2, 3, 5), min_length=1, description="sizes of the top"
    )
    n_specified: Annotated[tuple[_Count, ...], EachOnce] = Field(
        (1, 2, 3), min_length=1, description="random scheme: labels drawn for each image"
    )
    label_sets: dict[str, Annotated[tuple[Annotated[int, Field(ge=0)], ...], EachOnce]] = Field(
        ...,
        min_length=1,
        description="global scheme: label indices by the name of the set; null leaves one out",
    )
    focus: FocusSettings = Field(
        FocusSettings(),
        description="the one k and |S| of the sweeps and the transfer; |S| of density",
    )
    surrogates: Annotated[tuple[Surrogate, ...], EachOnce] = Field(
        ("average", "exact", "hinge", "removal"),
        min_length=1,
        description="losses of tkmia compared",
    )
    alphas: Annotated[tuple[_Weight, ...], EachOnce] = Field(
        (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0), min_length=1, description="weights of the norm compared"
    )
    hidden: Annotated[tuple[_Share, ...], EachOnce] = Field(
        (0.0, 0.25, 0.5, 0.75),
        min_length=1,
        description="shares of the labels that an attacker cannot see",
    )
    densities: Annotated[tuple[tuple[_Count, _Count], ...], EachOnce] = Field(
        (),
        description="fewest and most labels of the images of the experiment density, range by"
        " range; none: it is not run",
    )
    images: int = Field(
        200, ge=1, description="eligible test images of each cell, the first in order"
    )
    examples: int = Field(3, ge=1, le=8, description="images shown in the figure")
    batch_size: int | None = Field(None, ge=1, description=_BATCH_SIZE)

    @field_validator("models", "label_sets", mode="before")
    @classmethod
    def _without_null(cls, named: Any) -> Any:
        return without_null(named)

    @field_validator("models", "label_sets")
    @classmethod
    def _plain_names(cls, named: dict[str, Any]) -> dict[str, Any]:
        return check_plain_names(named)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_labels(self)
        _check_attacks(self)
        return self

    @property
    def data(self) -> TopkDataSettings:
        """Settings of the data set that is used."""
        if self.dataset == "scenes":
            return self.scenes
        return PhotosSettings(name=self.dataset, **self.photos.model_dump())

    def attack_of(self, method: str, **changes: Any) -> TopkAttackSettings:
        """The preset, with the keys that the configuration overrides."""
        values = {**self.attack, **self.by_method.get(method, {}), **changes}
        if method in self.own:
            values["own"] = self.own[method]
        return PRESETS[self.preset](method, **values)

    def methods_of(self, experiment: str) -> tuple[str, ...]:
        """The methods of an experiment: the sweeps are about tkmia alone."""
        return ("tkmia",) if experiment in ("relaxation", "alpha", "unknown") else self.methods

    @classmethod
    def complete_schema(cls, whole: dict[str, Any]) -> None:
        """Describe the values that override those of a preset.

        They are an open mapping for pydantic: a group with defaults would lay these over the
        preset, too.
        """
        _describe_attacks(whole)

    def model_of(self, wildcards: Wildcards) -> TopkModelSettings:
        """The classifier of a job.

        Raises:
            UserError: the run has no such model.
        """
        return entry_of(self.models, wildcards.model, "model", _KEYS)

    def attack_jobs(self) -> list[tuple[str, str]]:
        """Job and model of every attack job."""
        return [(job, model) for job in JOBS for model in self.models_of(job)]

    def own_functions(self) -> list[str]:
        """Networks and methods of the user's own."""
        methods = [own.function for own in self.own.values()]
        return [*(model.network.name for model in self.models.values()), *methods]

    def check(self, run: RunSettings, images: ImageFacts | None) -> None:
        """Refuse labels that the data set does not have, where their number is known.

        Raises:
            UserError: a label set, a k or the scenes do not fit, or no folder of photos is given.
        """
        if self.dataset == "nuswide" and self.photos.root is None:
            raise UserError(
                "NUS-WIDE has no official address that photos could be downloaded from",
                where="configuration key 'topk.photos.root'",
                remedy="set it to the folder of your copy (docs/studies/topk.md says what has to"
                " be in it)",
            )
        if self.dataset == "scenes":
            if images is not None:
                check_images(self, images)
            return
        if self.photos.size is not None:
            check_sides(self, self.photos.size)
        if self.photos.root is None:
            check_labels(self, N_LABELS[self.dataset])

    def check_own_data(self, run: RunSettings, images: ImageFacts) -> None:
        """Look at the lists of the user's own photos, too: they say how many labels there are.

        Raises:
            UserError: see `check`, or weights, the folder or a list are missing or damaged.
        """
        self.check(run, images)
        check_weights(self)
        if self.dataset != "scenes" and self.photos.root is not None:
            check_labels(self, count_classes(self.dataset, self.photos.root))

    def models_of(self, job: str) -> tuple[str, ...]:
        """The models of a job; none where the study does not ask for the job."""
        if job == "density" and not self.densities:
            return ()
        return tuple(self.models) if job == "transfer" else (self.primary,)

    def cells(self, job: str) -> tuple[TopkCell, ...]:
        """The cells of one job, method by method."""
        return cells_of(self, job)

    def searched_cells(self, model: str) -> tuple[tuple[str, TopkCell], ...]:
        """Key and cell of every step that is tried on a model; none without a search."""
        return searched_cells(self, model)


def _check_labels(study: TopkSettings) -> None:
    """Refuse a primary model, label sets and sizes that cannot be, whatever the data.

    Raises:
        WrongKey: names the key.
    """
    if study.primary not in study.models:
        known, hint = ", ".join(study.models), did_you_mean(study.primary, study.models)
        raise WrongKey("primary", f"unknown model {study.primary!r}{hint}; known: {known}")
    if "random" in study.label_sets:
        raise WrongKey("label_sets.random", "the name is taken by the random scheme")
    if study.focus.n_specified > study.focus.k or min(study.n_specified) > max(study.k):
        raise WrongKey("n_specified", "labels are drawn from the top k, so at most k of them")
    if study.focus.n_specified > max(study.k):
        raise WrongKey("k", "one of them must be at least topk.focus.n_specified")
    for name, labels in study.label_sets.items():
        if not labels:
            raise WrongKey(f"label_sets.{name}", "name at least one label")
    ends = [end for span in study.densities for end in span]
    if any(low > high for low, high in study.densities) or any(
        low <= high for high, low in zip(ends[1::2], ends[2::2], strict=False)
    ):
        raise WrongKey("densities", "fewest and most of each range; ranges grow, none overlap")


def _check_attacks(study: TopkSettings) -> None:
    """Refuse unknown methods, and overrides that are no values of an attack or the study's matter.

    Raises:
        WrongKey: names the key.
    """
    check_known(study.methods, METHODS, study.own, "methods", "method", taken=("noise",))
    for name in study.by_method:
        if name not in (known := [*METHODS, *study.own]):
            hint = did_you_mean(name, known)
            raise WrongKey(f"by_method.{name}", f"unknown method{hint}; known: {', '.join(known)}")
    by_method = {f"by_method.{name}": each for name, each in study.by_method.items()}
    for key, changes in {"attack": study.attack, **by_method}.items():
        for name in ("method", "own"):
            if name in changes:
                raise WrongKey(f"{key}.{name}", "methods are named in topk.methods and topk.own")
    for key, changes in by_method.items():
        if "clean_map" in changes:
            # Which images can be attacked follows from it; methods are compared on the same.
            raise WrongKey(f"{key}.clean_map", "is the same for all: set topk.attack.clean_map")
    if study.search:
        for method, changes in study.by_method.items():
            key, _ = study.search.steps_of(method)
            if key in changes:
                raise WrongKey(f"by_method.{method}.{key}", "is searched: set topk.search to null")
    for method in ("tkmia", *study.methods, *study.by_method):  # the sweeps are about tkmia
        try:
            study.attack_of(method)
        except ValidationError as error:
            item = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in item["loc"])
            own = item["loc"][:1] and item["loc"][0] in study.by_method.get(method, {})
            group = f"by_method.{method}" if own else "attack"
            raise WrongKey(f"{group}.{key}", objection(item, TopkAttackSettings)) from error


def _describe_attacks(whole: dict[str, Any]) -> None:
    """Put what may be laid over an attack into the schema of a whole configuration."""
    properties = whole["$defs"]["TopkSettings"]["properties"]
    about = properties["attack"]["description"]
    properties["attack"] = {"$ref": "#/$defs/AttackChanges", "description": about}
    properties["by_method"]["additionalProperties"] = {"$ref": "#/$defs/MethodChanges"}
    sound, authors = (PRESETS[name]("tkmia").model_dump() for name in ("sound", "authors"))
    others = [f"{key} {value}" for key, value in authors.items() if value != sound[key]]
    whole["$defs"]["AttackChanges"] = _attack_changes(
        ("method", "own"),
        "Laid over the preset. The defaults are those of `preset: sound`; `authors` has"
        f" {', '.join(others)}. A method reads only what concerns it.",
    )
    whole["$defs"]["MethodChanges"] = _attack_changes(
        ("method", "own", "clean_map"),
        "Laid over the preset and `topk.attack`, for METHOD alone. The defaults are those of"
        " `preset: sound`.",
    )


def _attack_changes(without: tuple[str, ...], about: str) -> dict[str, Any]:
    """Schema of an attack without some of its keys."""
    node: dict[str, Any] = TopkAttackSettings.model_json_schema()
    for key in without:
        del node["properties"][key]
    return {**node, "description": about}

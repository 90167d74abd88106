"""Settings of the stage ``cluster``: one group a clusterer, so that a job gets only its own."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from advlearn.settings.base import Settings, plain_values
from advlearn.support.errors import UserError, unknown_name
from advlearn.support.own import FUNCTION, registered

#: Clusterers that come with advlearn; a laboratory adds its own under ``cluster.own``.
CLUSTERERS = ("kmeans", "agglomerative", "dbscan", "hdbscan")

NO_CLUSTERING = "single"
"""Stands for a clusterer where all images are one cluster; no clusterer may have this name."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")

_Count = Annotated[int, Field(ge=1, le=10_000)]
_Points = Annotated[int, Field(ge=1, le=100_000)]


class SettingName(str):
    """The name of one setting of a clusterer, which knows what it asks for.

    Attributes:
        n_clusters: the number of clusters that it fixes, none where the clusterer finds it.
    """

    n_clusters: int | None = None

    @classmethod
    def of(cls, name: str, n_clusters: int | None) -> SettingName:
        """A setting by its name, as tables hold it."""
        setting = cls(name)
        setting.n_clusters = n_clusters
        return setting


def setting_name(**values: float) -> SettingName:
    """The name of one setting, for example ``eps_quantile=0.5,min_samples=10``.

    Args:
        **values: what is set; ``n_clusters`` fixes the number of clusters.
    """
    name = ",".join(f"{key}={value:.10g}" for key, value in values.items())
    asked = values.get("n_clusters")
    return SettingName.of(name, None if asked is None else int(asked))


def _no_repeats(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("a value is named twice")
    return values


class KMeansSettings(Settings):
    """k-means (scikit-learn, Lloyd's iteration, by Elkan's bounds on pixels; k-means++ starts)."""

    n_clusters: list[_Count] = Field(
        list(range(1, 11)), min_length=1, description="cluster numbers (paper: 1..10)"
    )
    n_init: int = Field(10, ge=1, le=1000, description="starts; the one of least inertia is kept")
    max_iter: int = Field(300, ge=1, le=100_000, description="iterations of one start")

    _unique = field_validator("n_clusters")(_no_repeats)


class AgglomerativeSettings(Settings):
    """Agglomerative clustering with Ward's linkage (fastcluster)."""

    n_clusters: list[_Count] = Field(
        list(range(1, 11)),
        min_length=1,
        description="cluster numbers (paper: 1..10), all cut from one linkage",
    )

    _unique = field_validator("n_clusters")(_no_repeats)


class DbscanSettings(Settings):
    """DBSCAN (scikit-learn) over the grid of radius x ``min_samples``.

    The radius is either given (``eps``, in units of the embedding) or derived from the points: the
    ``eps_quantile`` quantile of the distances to the ``min_samples``-th nearest neighbour, the
    point itself counted as the first. Then that share of all points are core points.
    """

    eps_quantile: list[Annotated[float, Field(gt=0, le=1)]] | None = Field(
        [0.5, 0.9], min_length=1, description="shares of core points from which eps is derived"
    )
    eps: list[Annotated[float, Field(gt=0)]] | None = Field(
        None, min_length=1, description="radii in units of the embedding, instead of eps_quantile"
    )
    min_samples: list[_Points] = Field(
        [10, 50], min_length=1, description="points within eps that make a core point, itself too"
    )

    _unique = field_validator("min_samples")(_no_repeats)

    @model_validator(mode="before")
    @classmethod
    def _eps_alone_is_enough(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("eps") is not None:
            return {"eps_quantile": None, **values}
        return values

    @model_validator(mode="after")
    def _one_radius(self) -> DbscanSettings:
        if (self.eps is None) == (self.eps_quantile is None):
            raise ValueError("give exactly one of 'eps' and 'eps_quantile'")
        _no_repeats(self.eps or self.eps_quantile or [])
        return self


class HdbscanSettings(Settings):
    """HDBSCAN (the hdbscan package, excess of mass)."""

    min_cluster_size: list[float] = Field(
        [0.005, 0.02],
        min_length=1,
        description="smallest clusters: numbers of images (2, 3, ...) or shares of all (below 1)",
    )
    min_samples: _Points | None = Field(
        10, description="neighbours of the core distance; null = the smallest cluster's size"
    )

    _unique = field_validator("min_cluster_size")(_no_repeats)

    @field_validator("min_cluster_size")
    @classmethod
    def _sizes(cls, values: list[float]) -> list[float]:
        for value in values:
            if not (0 < value < 1 or (value >= 2 and value == int(value))):
                raise ValueError(
                    f"{value} is neither a whole number from 2 on nor a share in (0, 1)"
                )
        return values


class OwnClusterer(Settings):
    """A clusterer of one's own: a function in an importable module (docs/own-cluster.md)."""

    function: Annotated[str, BeforeValidator(partial(registered, kind="clusterers"))] = Field(
        pattern=FUNCTION,
        description="package.module:function, or a name that an installed package registers",
    )
    settings: Annotated[dict[str, Any], BeforeValidator(plain_values)] = Field(
        {}, description="handed to the function; 1e-3 is a number, though YAML 1.1 says text"
    )


class ClusterSettings(Settings):
    """Settings of every clusterer, each in its own group."""

    kmeans: KMeansSettings = Field(KMeansSettings(), description="settings of kmeans")
    agglomerative: AgglomerativeSettings = Field(
        AgglomerativeSettings(), description="settings of agglomerative"
    )
    dbscan: DbscanSettings = Field(DbscanSettings(), description="settings of dbscan")
    hdbscan: HdbscanSettings = Field(HdbscanSettings(), description="settings of hdbscan")
    own: dict[str, OwnClusterer] = Field({}, description="clusterers of one's own, by name")

    @field_validator("own")
    @classmethod
    def _names(cls, own: dict[str, OwnClusterer]) -> dict[str, OwnClusterer]:
        for name in own:
            if name in (*CLUSTERERS, NO_CLUSTERING):
                raise ValueError(f"the name {name!r} is taken")
            if not _NAME.fullmatch(name):
                raise ValueError(f"the name {name!r} is not of lower-case letters, digits and _")
        return own

    def known(self) -> list[str]:
        """Names of all clusterers, one's own included."""
        return [*CLUSTERERS, *self.own]

    def of(self, clusterer: str) -> Settings:
        """The group of one clusterer.

        Raises:
            UserError: no clusterer has this name.
        """
        if clusterer in CLUSTERERS:
            group: Settings = getattr(self, clusterer)
            return group
        if clusterer in self.own:
            return self.own[clusterer]
        raise unknown_name(
            "clusterer", clusterer, self.known(), where="configuration key 'selective.grid'"
        )

    def json_for(self, clusterer: str) -> str:
        """The JSON that a job of ``clusterer`` needs: its own group, nothing of the others."""
        self.of(clusterer)
        if clusterer in self.own:
            return self.model_dump_json(include={"own": {clusterer}})
        return self.model_dump_json(include={clusterer})

    def check_images(self, clusterer: str, n_images: int) -> None:
        """Refuse settings that ``n_images`` images cannot satisfy, before any job starts.

        Raises:
            UserError: more clusters, or more points a cluster, than images.
        """
        group = self.of(clusterer)
        needs: dict[str, float] = {}
        if isinstance(group, KMeansSettings | AgglomerativeSettings):
            needs["n_clusters"] = max(group.n_clusters)
        if isinstance(group, DbscanSettings):
            needs["min_samples"] = max(group.min_samples)
        if isinstance(group, HdbscanSettings):
            needs["min_cluster_size"] = max(group.min_cluster_size)
            needs["min_samples"] = group.min_samples or 0
        for key, value in needs.items():
            if value > n_images:
                thing = "clusters" if key == "n_clusters" else "images in one cluster"
                raise UserError(
                    f"{clusterer} is asked for {value:g} {thing}, there are {n_images} images",
                    where=f"configuration key 'selective.cluster.{clusterer}.{key}',"
                    f" value {value:g}",
                    remedy=f"set it to at most {n_images}, or use more images",
                )

"""Settings of study 3's point sets, of the graph of convex clustering and of its clusterpath."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from advlearn.settings.base import Settings, WrongKey
from advlearn.settings.points import PointSet

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.bilevel.settings.study import BilevelSettings


class GraphSettings(Settings):
    """The graph of convex clustering: k nearest neighbours, weights exp(-phi distance^2)."""

    n_neighbors: int = Field(
        10, ge=1, le=10_000, description="k; a point has more where it is chosen by others"
    )
    phi: float = Field(
        0.5,
        ge=0,
        le=1e3,
        description="decay of the weights; the median edge has length 1 and weight exp(-phi)",
    )


class PathSettings(Settings):
    """The clusterpath: gamma from many clusters to few, and the gamma that is attacked."""

    gammas: int = Field(51, ge=3, le=10_000, description="values of gamma, in equal ratios")
    range: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = Field(
        (0.1, 1e4), description="smallest and largest gamma"
    )
    n_clusters: tuple[
        Annotated[int, Field(ge=1, le=1000)], Annotated[int, Field(ge=1, le=1000)]
    ] = Field(
        (2, 6),
        description="fewest and most clusters of the attacked clustering where no gamma gives as"
        " many as there are classes, with edges between them",
    )
    smallest: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="share of the points that the smallest cluster of the attacked clustering holds"
        " where there is such a gamma; else it is called an outlier split",
    )
    tolerance: float = Field(
        1e-8, gt=0, le=1e-2, description="relative duality gap of every solution"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise WrongKey("range", "smallest and largest, in this order")
        if self.n_clusters[0] > self.n_clusters[1]:
            raise WrongKey("n_clusters", "fewest and most, in this order")
        return self


class BilevelDataJob(Settings):
    """Settings of a job of bilevel_data: one point set."""

    data: PointSet
    n_neighbors: int = Field(10, ge=1, description="k of the edges whose median becomes 1")

    @classmethod
    def of(cls, study: BilevelSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The point set of the job."""
        return cls(data=study.points_of(wildcards), n_neighbors=study.graph.n_neighbors)


class BilevelPathJob(Settings):
    """Settings of a job of bilevel_path."""

    graph: GraphSettings
    path: PathSettings
    trajectories: bool = Field(False, description="write the paths of all points down")

    @classmethod
    def of(cls, study: BilevelSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """Only point sets that are drawn keep their trajectories."""
        return cls(
            graph=study.graph,
            path=study.path,
            trajectories=wildcards.dataset in study.datasets_of("trajectories"),
        )

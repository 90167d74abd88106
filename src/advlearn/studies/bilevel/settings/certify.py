"""Settings of study 3's certificates: intervals, radii, calmness, and safe settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field

from advlearn.settings.base import EachOnce, Settings
from advlearn.studies.bilevel.settings.path import GraphSettings, PathSettings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.bilevel.settings.study import BilevelSettings

REBUILT = "rebuilt"
"""Kind of weights of the victim who takes graph, scale and gamma anew."""
WORST = "worst"
"""Method of tries along the perturbations of the smallest attacks."""
_Method = Literal["sun_toh_yuan", "electrical", "exact_directions"]
_Attack = Literal["merge", "cut", "dual", "noise", "smoothed", "transfer"]
_Tried = _Attack | Literal["genetic", "cma_es", "one_point"]


class DefenceSettings(Settings):
    """Which settings of the clustering are compared by their certified radius."""

    phis: Annotated[tuple[Annotated[float, Field(ge=0, le=1e3)], ...], EachOnce] = Field(
        (0.1, 0.25, 0.5, 1.0, 2.0), description="decays of the weights"
    )
    n_neighbors: Annotated[tuple[Annotated[int, Field(ge=1, le=10_000)], ...], EachOnce] = Field(
        (5, 10, 15, 20), description="numbers of neighbours"
    )
    gammas: int = Field(6, ge=1, le=1000, description="gammas tried for each of them")


class CertifySettings(Settings):
    """Certificates of one clustering, and the attacks that bound them from above."""

    methods: Annotated[tuple[_Method, ...], EachOnce] = Field(
        ("sun_toh_yuan", "electrical", "exact_directions"),
        min_length=1,
        description="certificates of the radius",
    )
    sweeps: int = Field(
        60, ge=0, le=10_000, description="sweeps of the search for the best routing of forces"
    )
    gammas: int = Field(
        5, ge=1, le=1000, description="gammas of the clusterpath that are certified and attacked"
    )
    max_clusters: int = Field(
        10, ge=2, le=1000, description="gammas with more clusters than this are left out"
    )
    attacks: Annotated[tuple[_Attack, ...], EachOnce] = Field(
        ("merge", "cut", "dual", "noise"),
        description="attacks on the certified clusterings",
    )
    rounds: int = Field(8, ge=1, le=1000, description="most radii that an attack is tried at")
    tolerance: float = Field(
        0.05, gt=0, le=1, description="relative accuracy of the smallest attack's size"
    )
    shares: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], EachOnce] = Field(
        (0.5, 0.9, 0.999),
        description="shares of the certified radius at which every certified clustering is attacked"
        " to check the code",
    )
    tried: Annotated[tuple[_Tried, ...], EachOnce] = Field(
        ("merge", "cut", "dual", "smoothed", "transfer", "genetic", "cma_es", "one_point"),
        description="attacks at these shares, besides random perturbations and those along the"
        " directions of the smallest attacks above the radius",
    )
    draws: int = Field(
        32, ge=1, le=100_000, description="random perturbations at each of these shares"
    )
    rebuilt: bool = Field(
        True,
        description="attack a victim, too, who takes graph, scale and gamma anew from what it is"
        " given; nothing is certified of it",
    )
    complete_up_to: int = Field(
        200, ge=0, le=1000, description="most points for intervals of complete graphs, too"
    )
    calmness: int = Field(
        5, ge=0, le=1000, description="sizes of perturbation, in equal ratios from 0.001 to 1"
    )
    seed: int = Field(0, ge=0, description="decides random directions; the same for all run seeds")
    defence: DefenceSettings = Field(
        DefenceSettings(), description="settings compared by their certified radius"
    )


class BilevelCertifyJob(Settings):
    """Settings of a job of bilevel_certify."""

    graph: GraphSettings
    path: PathSettings = PathSettings()
    certify: CertifySettings

    @classmethod
    def of(cls, study: BilevelSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The same for every point set."""
        return cls(graph=study.graph, path=study.path, certify=study.certify)

"""The tidy tables of study 3."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from pydantic import ConfigDict, Field

from advlearn.settings.base import Settings
from advlearn.tidy.reader import Tidy
from advlearn.tidy.schema import CHOICES, StudySchema, TableSchema, columns


class BilevelRecord(Settings):
    """What ``bilevel_study.json`` says of a run; further keys are kept in the file only."""

    model_config = ConfigDict(extra="ignore")

    run: str
    seeds: list[int]
    datasets: dict[str, dict[str, Any]]
    versions: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    left_out: list[str] = Field(default_factory=list)


def _table(
    stage: str,
    names: str,
    *,
    rows: bool = True,
    optional: Sequence[str] = (),
    required: bool = True,
) -> TableSchema:
    """A table by its columns; those before the bar name a row."""
    named = [text.partition(":")[0] for text in names.partition("|")[0].split()]
    told = columns(names.replace("|", " "))
    return TableSchema(
        told,
        stage=f"bilevel_{stage}",
        key=named,
        rows=rows,
        optional=optional,
        required=required,
    )


SCHEMA = StudySchema(
    study="bilevel",
    collect="bilevel_collect",
    described=BilevelRecord,
    tables={
        # Closed forms of the delta-measure against brute force.
        "bilevel_formulas": _table(
            "delta", "formula:text n_clusters:text range:text | cases:>=0 max_error:>=0"
        ),
        # Delta squared against the number of moved points, by pattern.
        "bilevel_moved": _table(
            "delta", "n_clusters sizes:text pattern:text moved:>=0 | delta_squared:>=0"
        ),
        # Random single moves, and how many of them lowered delta.
        "bilevel_monotone": _table(
            "delta",
            "n_clusters imbalance share_moved | moves:>=0 not_monotone:>=0 inside_region:>=0"
            " violations_inside:>=0",
        ),
        # Kendall's tau of each deviation with the matching error.
        "bilevel_agreement": _table(
            "delta",
            "scenario:text n_clusters balance:text kind:text deviation:text seed"
            " | kendall_tau:corr n_pairs:>=0",
        ),
        # The clusterpath: one row a data set and gamma.
        "bilevel_path": _table(
            "path",
            "dataset:text gamma:>=0 | n_clusters:>=1 sizes:text joined:>=0 ari_truth:corr gap"
            " certified:flag chosen:flag seconds",
            optional=("sizes", "joined"),
        ),
        # Where every point is along the clusterpath, for the data sets with trajectories.
        "bilevel_trajectories": _table(
            "path", "dataset:text gamma:>=0 point | x y label", rows=False
        ),
        # Certified and true intervals of gamma.
        "bilevel_intervals": _table(
            "certify", "dataset:text weights:text n d n_clusters bound:text | low:>=0 high:>=0"
        ),
        # Perturbations tried below the certified radius, and how many changed the partition.
        "bilevel_trials": _table(
            "certify",
            "dataset:text weights:text gamma share:share method:text seed | radius:>=0"
            " tries:>=0 changed:>=0 largest:>=0",
            rows=False,
            required=False,
        ),
        # Certified and attacked sizes.
        "bilevel_sandwich": _table(
            "certify",
            "dataset:text weights:text gamma seed kind:text method:text | epsilon:>=0",
        ),
        # One row an attack on convex clustering and seed.
        "bilevel_attacks": _table(
            "attack",
            "dataset:text weights:text seed form:text budget:text target:text method:text"
            " | epsilon:>=0 reached:flag delta:>=0 matching_error:share n_clusters queries:>=0"
            " seconds:>=0",
        ),
        # Deviations against the size of the perturbation.
        "bilevel_staircase": _table(
            "attack",
            "dataset:text seed direction:text curve:text tau:>=0 deviation:text"
            " | value:>=0 n_clusters",
        ),
        # How far the solution moved, and its bounds.
        "bilevel_calmness": _table(
            "certify",
            "dataset:text weights:text seed direction:text size:>=0 change:>=0"
            " | bound:>=0 modulus:>=0",
        ),
        # Perturbations made on ``source``, judged by ``target``.
        "bilevel_blackbox": _table(
            "blackbox",
            "dataset:text seed source:text target:text method:text | epsilon:>=0 delta:>=0"
            " one_minus_ari matching_error:share reached:flag queries:>=0",
        ),
        # One changed point on the pairs of digits.
        "bilevel_onepoint": _table(
            "onepoint",
            "pair:text victim:text method:text seed | n d misclustered:>=0 delta_squared:>=0"
            " l0:>=0 l2:>=0 linf:>=0 queries:>=0 seconds",
        ),
        # Training points moved, or labels flipped, of a classifier of two classes.
        "bilevel_poisoning": _table(
            "poison",
            "dataset:text learner:text seed budget:text target:text method:text | n:>=1 d:>=1"
            " size:>=0 loss_before:>=0 loss_after:>=0 error_before:share error_after:share"
            " queries:>=0 seconds:>=0",
            rows=False,
            required=False,
        ),
        # Radius and agreement with the truth.
        "bilevel_defence": _table(
            "certify",
            "dataset:text parameter:text value:text gamma:>=0 | radius:>=0 n_clusters"
            " ari_truth:corr chosen:flag",
        ),
        "bilevel_choices": CHOICES,
    },
    # Certificates, delta and the one point have seeds of their own.
    seedless=(
        "bilevel_agreement",
        "bilevel_calmness",
        "bilevel_onepoint",
        "bilevel_sandwich",
        "bilevel_trials",
    ),
)


class BilevelTidy(Tidy):
    """The tidy folder of study 3."""

    schema = SCHEMA

    @cached_property
    def study(self) -> BilevelRecord:
        """The run's name, seeds, data sets and settings."""
        return self.described(BilevelRecord)

"""The tidy tables of study 3."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic import ConfigDict, Field

from advlearn.report.schema import (
    CHOICES,
    CORRELATION,
    FLAG,
    NOT_NEGATIVE,
    SHARE,
    TEXT,
    Column,
    StudySchema,
    TableSchema,
    columns,
)
from advlearn.report.tidy import Tidy
from advlearn.settings.base import Settings


class BilevelRecord(Settings):
    """What ``bilevel_study.json`` says of a run; further keys are kept in the file only."""

    model_config = ConfigDict(extra="ignore")

    run: str
    seeds: list[int]
    datasets: dict[str, dict[str, Any]]
    versions: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


SCHEMA = StudySchema(
    study="bilevel",
    collect="bilevel_collect",
    record="bilevel_study.json",
    described=BilevelRecord,
    tables={
        # Closed forms of the delta-measure against brute force.
        "bilevel_formulas": TableSchema(
            columns("formula n_clusters range", TEXT) | columns("cases max_error", NOT_NEGATIVE),
            stage="bilevel_delta",
            key="formula n_clusters range".split(),
        ),
        # Delta squared against the number of moved points, by pattern.
        "bilevel_moved": TableSchema(
            columns("n_clusters")
            | columns("sizes pattern", TEXT)
            | columns("moved delta_squared", NOT_NEGATIVE),
            stage="bilevel_delta",
            key="n_clusters sizes pattern moved".split(),
        ),
        # Random single moves, and how many of them lowered delta.
        "bilevel_monotone": TableSchema(
            columns("n_clusters imbalance share_moved")
            | columns("moves not_monotone inside_region violations_inside", NOT_NEGATIVE),
            stage="bilevel_delta",
            key="n_clusters imbalance share_moved".split(),
        ),
        # Kendall's tau of each deviation with the matching error.
        "bilevel_agreement": TableSchema(
            columns("scenario", TEXT)
            | columns("n_clusters")
            | columns("balance kind deviation", TEXT)
            | columns("seed")
            | columns("kendall_tau", CORRELATION)
            | columns("n_pairs", NOT_NEGATIVE),
            stage="bilevel_delta",
            key="scenario n_clusters balance kind deviation seed".split(),
        ),
        # The clusterpath: one row a data set and gamma.
        "bilevel_path": TableSchema(
            columns("dataset", TEXT)
            | columns("gamma", NOT_NEGATIVE)
            | columns("n_clusters", Column(low=1.0))
            | columns("ari_truth", CORRELATION)
            | columns("gap")
            | columns("certified chosen", FLAG)
            | columns("seconds"),
            stage="bilevel_path",
            key="dataset gamma".split(),
        ),
        # Ways of the points along the clusterpath, of the data sets that are drawn.
        "bilevel_trajectories": TableSchema(
            columns("dataset", TEXT) | columns("gamma", NOT_NEGATIVE) | columns("point x y label"),
            stage="bilevel_path",
            key="dataset gamma point".split(),
            rows=False,
        ),
        # Certified and true intervals of gamma.
        "bilevel_intervals": TableSchema(
            columns("dataset weights", TEXT)
            | columns("n d n_clusters")
            | columns("bound", TEXT)
            | columns("low high", NOT_NEGATIVE),
            stage="bilevel_certify",
            key="dataset weights n_clusters bound".split(),
        ),
        # Certified and attacked sizes.
        "bilevel_sandwich": TableSchema(
            columns("dataset weights", TEXT)
            | columns("gamma seed")
            | columns("kind method", TEXT)
            | columns("epsilon", NOT_NEGATIVE),
            stage="bilevel_certify",
            key="dataset weights gamma seed kind method".split(),
        ),
        # One row an attack on convex clustering and seed.
        "bilevel_attacks": TableSchema(
            columns("dataset weights", TEXT)
            | columns("seed")
            | columns("form budget target method", TEXT)
            | columns("epsilon", NOT_NEGATIVE)
            | columns("reached", FLAG)
            | columns("delta", NOT_NEGATIVE)
            | columns("matching_error", SHARE)
            | columns("n_clusters")
            | columns("queries seconds", NOT_NEGATIVE),
            stage="bilevel_attack",
            key="dataset weights seed form budget target method".split(),
        ),
        # Deviations against the size of the perturbation.
        "bilevel_staircase": TableSchema(
            columns("dataset", TEXT)
            | columns("seed")
            | columns("direction curve", TEXT)
            | columns("tau", NOT_NEGATIVE)
            | columns("deviation", TEXT)
            | columns("value", NOT_NEGATIVE)
            | columns("n_clusters"),
            stage="bilevel_attack",
            key="dataset seed direction curve tau deviation".split(),
        ),
        # How far the solution moved, and its bounds.
        "bilevel_calmness": TableSchema(
            columns("dataset weights", TEXT)
            | columns("seed")
            | columns("direction", TEXT)
            | columns("size change bound modulus", NOT_NEGATIVE),
            stage="bilevel_certify",
            key="dataset weights seed direction size change".split(),
        ),
        # Perturbations made on ``source``, judged by ``target``.
        "bilevel_blackbox": TableSchema(
            columns("dataset", TEXT)
            | columns("seed")
            | columns("source target method", TEXT)
            | columns("epsilon delta", NOT_NEGATIVE)
            | columns("one_minus_ari")
            | columns("matching_error", SHARE)
            | columns("reached", FLAG)
            | columns("queries", NOT_NEGATIVE),
            stage="bilevel_blackbox",
            key="dataset seed source target method".split(),
        ),
        # One changed point on the pairs of digits.
        "bilevel_onepoint": TableSchema(
            columns("pair victim method", TEXT)
            | columns("seed n d")
            | columns("misclustered delta_squared l0 l2 linf queries", NOT_NEGATIVE)
            | columns("seconds"),
            stage="bilevel_onepoint",
            key="pair victim method seed".split(),
        ),
        # Radius and agreement with the truth.
        "bilevel_defence": TableSchema(
            columns("dataset parameter value", TEXT)
            | columns("gamma radius", NOT_NEGATIVE)
            | columns("n_clusters")
            | columns("ari_truth", CORRELATION)
            | columns("chosen", FLAG),
            stage="bilevel_certify",
            key="dataset parameter value gamma".split(),
        ),
        "bilevel_choices": CHOICES,
    },
    choices="bilevel_choices",
)


class BilevelTidy(Tidy):
    """The tidy folder of study 3."""

    schema = SCHEMA

    @cached_property
    def study(self) -> BilevelRecord:
        """The run's name, seeds, data sets and settings."""
        return self.described(BilevelRecord)

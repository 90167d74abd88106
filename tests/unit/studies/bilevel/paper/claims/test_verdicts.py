"""The claims of study 3: numbers against the rows, verdicts where the truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, t

from advlearn.report.crossed import two_way_bootstrap
from advlearn.report.frames import records
from advlearn.studies.bilevel.paper.claims.claim import PROVED, TAU
from advlearn.studies.bilevel.paper.claims.verdicts import COLUMNS, SAME
from advlearn.studies.bilevel.paper.claims.verdicts import tested as all_claims
from advlearn.studies.bilevel.schema import BilevelTidy
from tests.helpers.bilevel_claims import changed, claims, expected, numbers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone(full: BilevelTidy) -> BilevelTidy:
    """The run with the attacks of one stage, without those beside the certificates."""
    rows = full["bilevel_sandwich"]
    return changed(full, "bilevel_sandwich", rows[rows["kind"] == "certified"])


def test_verdicts_are_those_of_what_was_put_in(alone: BilevelTidy) -> None:
    attacks, generator = alone["bilevel_attacks"], np.random.default_rng(1)

    def sized(size: float) -> Any:
        noisy = size * np.exp(generator.normal(0, 0.05, len(attacks)))
        return claims(changed(alone, "bilevel_attacks", attacks.assign(epsilon=noisy, reached=1.0)))

    middle = sized(0.5)
    assert (middle.loc[["small-fixed", "large-fixed"], "verdict"] == "holds").all()
    fragile = sized(0.02)
    assert fragile.loc["small-fixed", "verdict"] == "refuted"
    assert fragile.loc["small-fixed", "reason"] == "the effect is below zero"
    assert fragile.loc["large-fixed", "verdict"] == "holds"
    hard = sized(2.9)
    assert hard.loc["small-fixed", "verdict"] == "holds"
    assert hard.loc["large-fixed", "verdict"] == "refuted"
    # Attacks no better than noise: a gain of a factor of 2 is excluded.
    assert middle.loc["attack-fixed", "verdict"] == "refuted"


def test_agreement_follows_from_the_rows(full: BilevelTidy) -> None:
    frame, taus = claims(full), full["bilevel_agreement"]
    taus = taus.assign(unit=taus["scenario"] + taus["n_clusters"].astype(str))
    delta = taus[(taus["deviation"] == "delta") & (taus["kind"] == "transfer")]
    balanced = delta[delta["balance"] == "balanced"]
    found = two_way_bootstrap(balanced["kendall_tau"], balanced["unit"], balanced["seed"])
    row = frame.loc["predicts-balanced"]
    assert numbers(row)[:3] == pytest.approx([found.mean, *found.bounds])
    assert pd.isna(row["p"])
    assert pd.isna(row["p_bh"])
    # One-sided: the mean lies below the level that is claimed.
    error, freedom = found.error, found.freedom
    assert row["p_margin"] == pytest.approx(t.cdf((TAU - found.mean) / error, freedom))
    # 1 − ARI was put in 0.02 above delta, VI 0.1 below, everywhere.
    assert frame.loc["transfer-one_minus_ari", "mean"] == pytest.approx(-0.02)
    assert frame.loc["transfer-vi", "mean"] == pytest.approx(0.1)


def test_agreement_in_the_claimed_range(full: BilevelTidy) -> None:
    taus, generator = full["bilevel_agreement"], np.random.default_rng(2)
    for level, verdict in ((0.96, "holds"), (0.8, "refuted")):
        noisy = level + generator.normal(0, 0.002, len(taus))
        frame = claims(changed(full, "bilevel_agreement", taus.assign(kendall_tau=noisy)))
        assert frame.loc["predicts-balanced", "verdict"] == verdict
    same = taus.assign(kendall_tau=0.9)
    frame = claims(changed(full, "bilevel_agreement", same))
    assert frame.loc["transfer-vi", "reason"] == SAME


@pytest.mark.parametrize("victim", ["kmeans", "hdbscan"])
def test_clusterers_follow_from_the_rows(full: BilevelTidy, victim: str) -> None:
    frame, box = claims(full), full["bilevel_blackbox"]
    box = box[box["target"] == victim].set_index(["dataset", "seed"]).sort_index()

    def error(method: str, source: str) -> pd.Series:
        here = (box["method"] == method) & (box["source"] == source)
        return box.loc[here, "matching_error"]

    noise = error("noise", "none")
    for name, part in (("own", error("genetic", victim)), ("handed", error("merge", "convex"))):
        value = (part - noise).rename("value").reset_index()
        assert numbers(frame.loc[f"{name}-{victim}"]) == pytest.approx(
            expected(value, value["value"]), nan_ok=True
        )
    assert f"cma_es-{victim}" not in frame.index  # the run has none


def test_order_is_kendalls_tau_of_each_data_set_and_seed(full: BilevelTidy) -> None:
    box, generator = full["bilevel_blackbox"], np.random.default_rng(3)
    box = box.assign(one_minus_ari=generator.uniform(0, 1, len(box)))
    row = claims(changed(full, "bilevel_blackbox", box)).loc["order-ward"]
    here = box[box["target"] == "ward"]
    values = [
        kendalltau(part["delta"], part["matching_error"]).statistic
        - kendalltau(part["one_minus_ari"], part["matching_error"]).statistic
        for _, part in here.groupby(["dataset", "seed"])
    ]
    assert row["mean"] == pytest.approx(np.mean(values))


def test_the_resistant_clustering_is_beside_the_plain_one(full: BilevelTidy) -> None:
    box = full["bilevel_blackbox"]
    plain = box[(box["target"] == "convex") & box["method"].isin(["genetic", "merge"])]
    better = plain.assign(
        target="resistant",
        source=plain["source"].where(plain["method"] == "merge", "resistant"),
        matching_error=plain["matching_error"] - 0.1 - 0.001 * plain["seed"],
    )
    frame = claims(changed(full, "bilevel_blackbox", pd.concat([box, better])))
    for name in ("resists-own", "resists-handed"):
        assert frame.loc[name, "mean"] == pytest.approx(0.101)
        assert frame.loc[name, "verdict"] == "holds"


def test_poisoning_is_compared_with_noise_of_the_same_size(full: BilevelTidy) -> None:
    frame, rows = claims(full), full["bilevel_poisoning"]
    for learner, mean in (("logistic", 0.09), ("svm", 0.18)):
        row = frame.loc[f"poisoned-{learner}"]
        assert row["mean"] == pytest.approx(mean)
        assert row["n"] == 2 * 4 * 3
    noisy = rows.assign(error_after=rows["error_after"] + 0.001 * (rows.index % 7))
    row = claims(changed(full, "bilevel_poisoning", noisy)).loc["poisoned-svm"]
    assert row["verdict"] == "holds"
    none = claims(changed(full, "bilevel_poisoning", rows.head(0)))
    assert "poisoned-svm" not in none.index


def test_counted_claims(full: BilevelTidy) -> None:
    frame, moves = claims(full), full["bilevel_monotone"]
    for clusters in (2, 3, 5):
        part, row = moves[moves["n_clusters"] == clusters], frame.loc[f"grows-{clusters}"]
        assert row["n"] == (part["moves"] - part["inside_region"]).sum()
        assert row["against"] == part["not_monotone"].sum()
        assert pd.isna(row["mean"])
        assert row["verdict"] == "refuted"
    fine = moves.assign(not_monotone=0)
    row = claims(changed(full, "bilevel_monotone", fine)).loc["grows-3"]
    assert row["verdict"] == "not decided"
    assert "no case" in row["reason"]


def test_what_is_proved_is_no_evidence(full: BilevelTidy) -> None:
    frame = claims(full)
    proved = frame[frame["family"] == "proved"]
    assert (proved["verdict"] == PROVED).all()
    assert proved[["mean", "p", "p_bh", "smallest"]].isna().all(axis=None)
    # Three patterns' rows at 0, 12 and 24 points, seven patterns.
    assert frame.loc["three-way", "n"] == 21
    assert "with 24 of 72 points moved" in frame.loc["three-way", "words"]
    moved = full["bilevel_moved"]
    wrong = moved.assign(delta_squared=moved["delta_squared"] + (moved.index == len(moved) - 1))
    row = claims(changed(full, "bilevel_moved", wrong)).loc["three-way"]
    assert (row["against"], row["verdict"]) == (1, "refuted")
    assert row["reason"] == "proof or code is wrong"


def test_symmetric_moves_grow_until_two_thirds(full: BilevelTidy) -> None:
    moved = full["bilevel_moved"]
    symmetric = pd.DataFrame(
        [
            {"n_clusters": 3, "sizes": f"{s},{s},{s}", "pattern": "symmetric", "moved": m,
             "delta_squared": 4 * s * m - m * m}
            for s in (12, 24)
            for m in range(0, 3 * s + 1, 6)
        ]
    )  # fmt: skip
    frame = claims(
        changed(full, "bilevel_moved", pd.concat([moved.head(13), symmetric], ignore_index=True))
    )
    up, all_ = frame.loc["symmetric"], frame.loc["symmetric-all"]
    assert (up["n"], up["against"]) == (4 + 8, 0)
    assert (all_["n"], all_["against"]) == (2 + 4, 2 + 4)


def test_corrections(full: BilevelTidy) -> None:
    frame = claims(full)
    assert list(all_claims(full).frame.columns) == COLUMNS
    primary = frame[frame["family"] == "primary"]
    assert list(primary.index) == [
        "small-fixed", "large-fixed", "small-recomputed", "large-recomputed",
    ]  # fmt: skip
    for name in ("p", "p_no_gain"):
        given, largest = primary[name].fillna(1).sort_values(kind="stable"), 0.0
        for place, (claim, p) in enumerate(given.items()):
            largest = max(largest, min(1.0, (len(given) - place) * p))
            assert primary.loc[claim, f"{name}_holm"] == pytest.approx(largest)
    made = frame[frame["family"].isin(["primary", "secondary", "future"])]
    tests = made[~made.index.str.startswith("predicts-")]
    p = tests["p"].fillna(1.0).astype(float)
    by_hand = [min(1.0, min(q * len(p) / (p <= q).sum() for q in p if q >= own)) for own in p]
    assert tests["p_bh"].tolist() == pytest.approx(by_hand)
    assert frame.loc[frame["family"] != "primary", "p_holm"].isna().all()


def test_one_seed_and_what_no_number_decides(small: BilevelTidy) -> None:
    frame = claims(small)
    assert "small-recomputed" not in frame.index
    assert (frame.loc[["small-fixed", "large-fixed"], "verdict"] == "not testable").all()
    assert (frame.loc[frame["family"] == "untested", "verdict"] == "not testable").all()


def test_a_sentence_has_the_numbers_of_its_row(full: BilevelTidy) -> None:
    for row in records(all_claims(full).frame):
        assert row["sentence"].startswith(f"{row['words']}: {row['verdict']} ({row['reason']})")
        if row["family"] in ("primary", "secondary", "future"):
            assert f"{abs(row['mean']):.3f}" in row["sentence"]
            assert f"{row['units']} " in row["sentence"]
        assert row["sentence"].endswith(".")
        assert "nan" not in row["sentence"]


def test_every_source_names_rows_of_its_table(full: BilevelTidy) -> None:
    rows = all_claims(full).rows
    for name, part in rows.groupby("table"):
        assert part["row"].isin(full[str(name)].index).all()
    frame = claims(full)
    tests = frame.index[frame["family"].isin(["primary", "secondary", "future"])]
    assert set(tests) <= set(rows["claim"])


def test_the_shipped_run_is_read() -> None:
    run = BilevelTidy(Path("results/reference/tidy"), Path("config/published"))
    frame = claims(run)
    assert frame.loc["proved-certificate", "verdict"] == PROVED
    assert (frame.loc[["small-fixed", "small-recomputed"], "units"] == 8).all()
    # Where two joined clusters are attacked a large perturbation changes them by a theorem.
    chosen = run["bilevel_path"].query("chosen == 1 and n_clusters == 2 and joined > 0")
    left = 8 - len(chosen)
    assert (frame.loc[["large-fixed", "large-recomputed"], "units"] == left).all()
    assert frame.loc["two-clusters", "n"] == 2 * 3 * len(chosen) > 0

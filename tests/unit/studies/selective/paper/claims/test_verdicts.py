"""Rows of claims: their statistics by brute force, and verdicts where the truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from advlearn.report.frames import records
from advlearn.studies.selective.paper.claims.catalogue import GAIN, GAINS, claims
from advlearn.studies.selective.paper.claims.comparisons import evaluation
from advlearn.studies.selective.paper.claims.verdicts import COLUMNS, NOT_RUN, Verdicts, verdicts
from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.selective_run import N_TRAIN, PUBLISHED, with_table, write_run

pytestmark = pytest.mark.slow

SEEDS = range(6)
SETS = {
    "one": {"plausible": 3.0, "fixed": 1.0},
    "two": {"plausible": 1.0},
    "three": {"following": 1.0},
}
Truth = Callable[[dict[str, object]], float]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SelectiveTidy:
    """Four universes, three of them in sets; one protocol, six seeds."""
    folder = write_run(
        tmp_path_factory.mktemp("sets") / "tidy",
        universes=["one", "two", "three", "standard"],
        protocols=["whitebox"],
        seeds=SEEDS,
        reductions=["pca", "tsne"],
        clusterers=["kmeans", "agglomerative", "dbscan"],
        cluster_numbers=[1, 2, 4, 8],
        sets=SETS,
    )
    return SelectiveTidy(folder, PUBLISHED)


def truly(run: SelectiveTidy, truth: Truth, noise: float = 0.002) -> SelectiveTidy:
    """The run whose accuracies are 0.5, a truth, and noise of each training."""
    frame = run["selective_metrics"].copy()
    keys = ["universe", "seed", "attack", "metric", "split", "digest", "reduction"]
    training = frame.groupby(keys, dropna=False).ngroup().to_numpy()
    draws = np.random.default_rng(11).normal(0, noise, training.max() + 1)
    frame["value"] = 0.5 + np.array([truth(row) for row in records(frame)]) + draws[training]
    return with_table(run, "selective_metrics", frame)


def row_of(found: Verdicts, claim: str) -> dict[str, object]:
    (row,) = records(found.frame[found.frame["claim"] == claim])
    return row


def selected(row: dict[str, object]) -> bool:
    """Whether a row is of a cluster, and not of a control."""
    part = float(str(row["n_selected"])) < N_TRAIN
    return row["clusterer"] != "single" and row["rule"] != "subset" and part


@pytest.fixture(scope="module")
def nothing(run: SelectiveTidy) -> SelectiveTidy:
    return truly(run, lambda row: 0.0)


@pytest.fixture(scope="module")
def found(nothing: SelectiveTidy) -> Verdicts:
    return verdicts(nothing)


def test_columns_and_families(found: Verdicts) -> None:
    frame = found.frame
    assert list(frame) == COLUMNS
    assert frame["claim"].is_unique
    primary = frame[frame["family"] == "primary"]
    assert list(primary["claim"]) == [f"H{n}" for n in range(1, 11)]
    assert list(frame["claim"])[: len(claims())] == [claim.id for claim in claims()]
    # The universe outside the sets has the family of its own.
    assert set(frame.loc[frame["family"] == "standard", "set"]) == {"standard"}


def test_every_statistic_by_brute_force(nothing: SelectiveTidy, found: Verdicts) -> None:
    weights = {"plausible": {"one": 0.75, "two": 0.25}, "fixed": {"one": 1.0}}
    weights |= {"following": {"three": 1.0}}
    looked_at = 0
    for claim in claims():
        row = row_of(found, claim.id)
        if claim.compare is None or math.isnan(float(str(row["ci_low"]))):
            continue
        made = claim.compare(evaluation(nothing)).seeds
        by_universe = {
            name: made[made["universe"] == name].set_index("seed")["value"]
            for name in weights[claim.of]
        }
        seeds = sum(
            (weights[claim.of][name] * part for name, part in by_universe.items()),
            start=pd.Series(0.0, index=list(SEEDS)),
        ).dropna()
        n, mean, error = len(seeds), seeds.mean(), stats.sem(seeds)
        smallest = claim.smallest
        no_gain = stats.ttest_1samp(seeds, smallest, alternative="less").pvalue
        no_loss = stats.ttest_1samp(seeds, -smallest, alternative="greater").pvalue
        flips = stats.permutation_test(
            (seeds.to_numpy(),), np.mean, permutation_type="samples", n_resamples=np.inf
        ).pvalue
        margin = {
            GAINS: no_gain,
            (-smallest, math.inf): no_loss,
            (-smallest, smallest): max(no_gain, no_loss),
            (-math.inf, -smallest): 1 - no_loss,
        }[claim.within]
        low, high = stats.t.interval(0.95, n - 1, mean, error)
        low90, high90 = stats.t.interval(0.90, n - 1, mean, error)
        expected = {
            "mean": mean, "n": n, "ci_low": low, "ci_high": high, "p_exact": flips,
            "p": stats.ttest_1samp(seeds, 0).pvalue, "p_no_gain": no_gain, "p_no_loss": no_loss,
            "p_margin": margin, "equivalence_low": low90, "equivalence_high": high90,
        }  # fmt: skip
        for name, value in expected.items():
            assert row[name] == pytest.approx(value, rel=1e-6, abs=1e-12), (claim.id, name)
        means = [part.loc[seeds.index].mean() for part in by_universe.values() if len(part)]
        if len(means) > 1:
            assert row["lowest_universe"] == pytest.approx(min(means))
            assert row["highest_universe"] == pytest.approx(max(means))
        detectable = float(str(row["detectable"]))
        bound = stats.t.ppf(0.975, n - 1)
        power = stats.nct.sf(bound, n - 1, detectable / error)
        power += stats.nct.cdf(-bound, n - 1, detectable / error)
        assert power == pytest.approx(0.8, abs=1e-5)
        looked_at += 1
    assert looked_at > 40


def test_holm_inside_the_families_and_bh_over_all_by_hand(found: Verdicts) -> None:
    frame = found.frame
    for name in ("p", "p_margin"):
        for family in ("primary", "prediction"):
            mine = frame[frame["family"] == family]
            given = sorted((1.0 if math.isnan(p) else p, i) for i, p in mine[name].items())
            highest, expected = 0.0, {}
            for place, (p, index) in enumerate(given):
                highest = max(highest, min(1.0, p * (len(given) - place)))
                expected[index] = highest
            assert mine[f"{name}_holm"].to_dict() == pytest.approx(expected)
        together = frame[frame["family"] != "prediction"]
        ranked = sorted((1.0 if math.isnan(p) else p, i) for i, p in together[name].items())
        lowest, expected = 1.0, {}
        for place in range(len(ranked), 0, -1):
            p, index = ranked[place - 1]
            lowest = min(lowest, p * len(ranked) / place)
            expected[index] = lowest
        assert together[f"{name}_bh"].to_dict() == pytest.approx(expected)
        assert frame.loc[frame["family"] == "prediction", f"{name}_bh"].isna().all()
        assert frame.loc[frame["family"] == "secondary", f"{name}_holm"].isna().all()


def test_no_effect_refutes_a_gain_of_interest(found: Verdicts) -> None:
    primary = found.frame[found.frame["family"] == "primary"]
    assert set(primary["verdict"]) == {"refuted"}
    assert primary["reason"].str.contains("excluded|below").all()
    assert row_of(found, "F1")["verdict"] == "holds"  # nothing is lost
    assert row_of(found, "P1")["verdict"] == "holds"  # the curves are flat
    assert row_of(found, "P2")["verdict"] == "refuted"  # and do not fall


def test_a_gain_that_was_put_in_holds(run: SelectiveTidy) -> None:
    found = verdicts(truly(run, lambda row: 0.1 * selected(row)))
    primary = found.frame[found.frame["family"] == "primary"]
    assert set(primary["verdict"]) == {"holds"}
    assert primary["mean"].to_numpy() == pytest.approx(0.1, abs=0.005)
    assert row_of(found, "G1")["mean"] == pytest.approx(0.0, abs=0.01)


def test_a_loss_that_was_put_in_refutes(run: SelectiveTidy) -> None:
    found = verdicts(truly(run, lambda row: -0.1 * selected(row)))
    primary = found.frame[found.frame["family"] == "primary"]
    assert set(primary["reason"]) == {"the effect is below zero"}
    assert row_of(found, "F1")["verdict"] == "refuted"
    assert row_of(found, "C1")["verdict"] == "refuted"


def test_noise_leaves_claims_open_or_untestable(run: SelectiveTidy) -> None:
    found = verdicts(truly(run, lambda row: 0.0, noise=0.3))
    subset = found.frame[found.frame["claim"].isin(["H6", "H7", "H8", "H9"])]
    assert set(subset["verdict"]) == {"not testable"}
    assert (subset["detectable"] > GAIN).all()


def test_effects_are_weighted_by_universe(run: SelectiveTidy) -> None:
    """Weights 3 and 1; the universes outside the set have no part."""
    truth = {"one": 0.02, "two": 0.10, "three": 0.4, "standard": -0.3}
    found = verdicts(truly(run, lambda row: truth[str(row["universe"])] * selected(row)))
    row = row_of(found, "H1")
    assert row["mean"] == pytest.approx(0.75 * 0.02 + 0.25 * 0.10, abs=0.004)
    assert row["lowest_universe"] == pytest.approx(0.02, abs=0.004)
    assert row["highest_universe"] == pytest.approx(0.10, abs=0.004)
    assert row["n_universes"] == 2
    assert row_of(found, "standard-H1")["mean"] == pytest.approx(-0.3, abs=0.005)


def test_the_prediction_is_of_the_two_groups(run: SelectiveTidy) -> None:
    """Curves fall in one group only: by 0.02 a cluster, 0.12 from two to eight."""

    def falling(row: dict[str, object]) -> float:
        number = row["n_clusters"]
        falls = row["universe"] == "three" and selected(row) and number == number
        return -0.02 * float(str(number)) if falls else 0.0

    found = verdicts(truly(run, falling))
    assert row_of(found, "P1")["verdict"] == "holds"
    assert row_of(found, "P2")["verdict"] == "holds"
    assert row_of(found, "P2")["mean"] == pytest.approx(-0.12, abs=0.005)


def test_seeds_without_spread_are_not_testable(run: SelectiveTidy) -> None:
    found = verdicts(truly(run, lambda row: 0.1 * selected(row), noise=0.0))
    primary = found.frame[found.frame["family"] == "primary"]
    assert set(primary["verdict"]) == {"not testable"}
    assert primary["p_holm"].eq(1.0).all()


def test_one_cluster_is_one_model(found: Verdicts) -> None:
    row = row_of(found, "O1")
    assert row["verdict"] == "not testable"
    assert "one model" in str(row["reason"])


def test_one_seed(smoke: SelectiveTidy) -> None:
    frame = verdicts(smoke).frame
    assert set(frame["verdict"]) == {"not testable"}
    assert frame["ci_low"].isna().all()


def test_what_was_not_run_counts_with_p_one(found: Verdicts, smoke: SelectiveTidy) -> None:
    row = row_of(found, "M1")
    assert row["reason"] == NOT_RUN
    assert row["p_bh"] == 1.0
    alone = row_of(verdicts(smoke), "P1")
    assert alone["reason"] == "the run has no universe in the set 'fixed'"


def test_rows_and_sizes_behind_an_effect(nothing: SelectiveTidy, found: Verdicts) -> None:
    rows = found.rows.loc[found.rows["claim"] == "H1", "row"]
    behind = nothing["selective_metrics"].loc[rows]
    assert set(behind["universe"]) == {"one", "two"}
    assert set(behind["rule"]) == {"random", "all"}
    row = row_of(found, "H1")
    assert [row["fewest_images"], row["most_images"]] == [N_TRAIN // 8, N_TRAIN // 2]


def test_failed_checks_mark_a_claim(nothing: SelectiveTidy, found: Verdicts) -> None:
    """One check of the last seed fails in each universe and attack."""
    assert row_of(found, "H1")["failed_checks"] == 2
    assert row_of(found, "H1")["checks"] == 2 * len(SEEDS) * 4
    assert row_of(found, "P1")["failed_checks"] == 2
    assert row_of(found, "R5")["checks"] == 0


def test_the_worst_case_is_that_of_the_strong_attacks(
    nothing: SelectiveTidy, found: Verdicts
) -> None:
    frame = nothing["selective_strength"]
    last = frame[(frame["strong_attack"] == "square") & (frame["attack"] == "fgsm")]
    weights = {"one": 0.75, "two": 0.25}
    effects: dict[str, list[float]] = {"H1": [], "H6": []}
    for seed in SEEDS:
        sums = dict.fromkeys(effects, 0.0)
        for universe, weight in weights.items():
            rows = last[(last["universe"] == universe) & (last["seed"] == seed)]
            every = rows.loc[rows["rule"] == "all", "robust_so_far"].item()
            control = rows[rows["rule"] == "subset"].set_index("control_of")["robust_so_far"]
            chosen = rows[(rows["rule"] == "random") & (rows["n_selected"] < N_TRAIN)]
            sums["H1"] += weight * (chosen["robust_so_far"].mean() - every)
            differences = [
                line["robust_so_far"] - control[line["digest"]] for line in records(chosen)
            ]
            sums["H6"] += weight * float(np.mean(differences))
        for claim, value in sums.items():
            effects[claim].append(value)
    for claim, values in effects.items():
        row = row_of(found, claim)
        assert row["worst_mean"] == pytest.approx(np.mean(values), abs=1e-12)
        assert row["worst_n"] == len(SEEDS)
        low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        assert (row["worst_low"], row["worst_high"]) == pytest.approx((low, high), abs=1e-9)
        behind = found.strong[found.strong["claim"] == claim]["row"]
        assert set(frame.loc[behind, "strong_attack"]) == {"square"}
    clean = row_of(found, "C1")
    assert math.isnan(float(str(clean["worst_mean"])))
    assert clean["worst_n"] == 0


def test_an_iterative_attack_weaker_than_one_step_marks_a_claim(nothing: SelectiveTidy) -> None:
    frame = nothing["selective_strength"].copy()
    rows = frame.index[(frame["universe"] == "one") & (frame["attack"] == "pgd")]
    frame.loc[rows[:3], "check"] = "iterative_not_weaker"
    frame.loc[rows[:3], "passed"] = [1, 0, 0]
    # No check of the protocol.
    frame.loc[rows[3:4], "check"] = "white_box_not_weaker"
    frame.loc[rows[3:4], "passed"] = 0
    before, after = (
        verdicts(run) for run in (nothing, with_table(nothing, "selective_strength", frame))
    )
    for claim, more in (("H1", 0), ("H3", 2)):
        one, other = row_of(before, claim), row_of(after, claim)
        assert int(str(other["failed_checks"])) == int(str(one["failed_checks"])) + more
    behind = after.strong_checks[after.strong_checks["claim"] == "H3"]["row"]
    assert set(rows[:3]) <= set(behind)
    assert rows[3] not in set(behind)


def test_a_run_without_claims_has_its_rows(tmp_path: Path) -> None:
    folder = write_run(tmp_path, cluster_numbers=[1], clusterers=["kmeans"], seeds=[0, 1])
    frame = verdicts(SelectiveTidy(folder, PUBLISHED)).frame
    primary = frame[frame["family"] == "primary"]
    assert set(primary["reason"]) == {NOT_RUN}
    assert len(primary) == 10

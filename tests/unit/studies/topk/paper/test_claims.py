"""The claims of study 2: numbers against the rows, verdicts where the truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advlearn.report.crossed import two_way_bootstrap
from advlearn.report.frames import records
from advlearn.report.paired import LEVEL
from advlearn.report.power import minimum_detectable_effect
from advlearn.studies.topk.paper import claims as catalogue
from advlearn.studies.topk.paper.claims import BASELINES, SMALLEST
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.verdict import sentences
from tests.helpers.lineage import with_table
from tests.helpers.topk_run import NORM

pytestmark = pytest.mark.slow


def claims(run: TopkTidy) -> Any:
    return catalogue.tested(run).frame.set_index("claim")


def changed(run: TopkTidy, images: pd.DataFrame) -> TopkTidy:
    other = with_table(run, "topk_images", images)
    assert isinstance(other, TopkTidy)
    return other


def pairs_of(run: TopkTidy, scheme: str, method: str) -> pd.DataFrame:
    """Attacks of a method beside TkMIA's on the same images, by hand."""
    images = run.primary_images()
    images = images[images["scheme"] == scheme]
    task = ["seed", "image", "labels", "n_specified", "k"]
    other, own = (images[images["method"] == name] for name in (method, "tkmia"))
    return other.merge(own, on=task, suffixes=("", "_own"))


@pytest.mark.parametrize("scheme", ["global", "random"])
@pytest.mark.parametrize("method", ["tkml_ap_u", "kfool", "projected"])
def test_every_number_follows_from_the_rows(full: TopkTidy, scheme: str, method: str) -> None:
    both, frame, letter = pairs_of(full, scheme, method), claims(full), scheme[0].upper()
    won = both[both["success"] & both["success_own"]]

    def expected(gain: Any, part: pd.DataFrame) -> list[float]:
        found = two_way_bootstrap(gain, part["image"], part["seed"])
        return [found.mean, *found.bounds, found.effect.p]

    def numbers(row: Any) -> list[float]:
        return [float(row[name]) for name in ("mean", "ci_low", "ci_high", "p")]

    ratio = frame.loc[f"{letter}-norm-{method}"]
    mean, low, high, p = expected(np.log(won["l2"] / won["l2_own"]), won)
    wanted = [math.exp(mean), math.exp(low), math.exp(high), p]
    assert numbers(ratio) == pytest.approx(wanted)
    assert (ratio["attacks"], ratio["images"]) == (len(won), won["image"].nunique())
    at_k = won[won["k"] == 3]
    of_k = frame.loc[f"{letter}-norm-{method}-k3"]
    mean = expected(np.log(at_k["l2"] / at_k["l2_own"]), at_k)[0]
    assert of_k["mean"] == pytest.approx(math.exp(mean))
    rate = both["success_own"].astype(float) - both["success"]
    assert numbers(frame.loc[f"{letter}-success-{method}"]) == pytest.approx(expected(rate, both))
    change = won["delta_map"].abs() - won["delta_map_own"].abs()
    row = frame.loc[f"{letter}-delta_map-{method}"]
    assert numbers(row) == pytest.approx(expected(change, won))
    # What is detectable: of the primary family by one of its tests, of the others alone.
    tests = (frame["family"] == "primary").sum()
    for row, part in ((ratio, won), (of_k, at_k)):
        gain = np.log(part["l2"] / part["l2_own"])
        effect = two_way_bootstrap(gain, part["image"], part["seed"]).effect
        level = LEVEL / tests if row["family"] == "primary" else LEVEL
        least = minimum_detectable_effect(effect.spread, effect.n, level=level)
        assert row["detectable"] == pytest.approx(math.exp(least))


def test_verdicts_are_those_of_what_was_put_in(full: TopkTidy) -> None:
    frame = claims(full)
    for scheme in "GR":
        for method in BASELINES:
            assert NORM[method] > 1.05
            assert frame.loc[f"{scheme}-norm-{method}", "verdict"] == "holds"
        assert NORM["projected"] < 1
        assert frame.loc[f"{scheme}-norm-projected", "verdict"] == "refuted"
        assert frame.loc[f"{scheme}-success-kfool", "verdict"] == "holds"
    assert frame.loc["datasets", "verdict"] == "not testable"
    assert "scenes" in frame.loc["datasets", "reason"]


def test_no_effect_is_refuted_by_many_images_and_not_testable_with_few(full: TopkTidy) -> None:
    images = full["topk_images"]
    own = images[images["method"] == "tkmia"].drop_duplicates(
        ["seed", "experiment", "labels", "n_specified", "k", "image", "alpha", "surrogate"]
    )
    # Another method with TkMIA's outcomes, but for noise in the norm.
    generator = np.random.default_rng(0)

    def rival(rows: pd.DataFrame, noise: float) -> pd.DataFrame:
        factor = np.exp(generator.normal(0, noise, len(rows)))
        return rows.assign(method="kfool", l2=rows["l2"] * factor)

    here = own[own["experiment"].isin(["global", "random"])]
    many = pd.concat([here, rival(here, 0.02)], ignore_index=True)
    row = claims(changed(full, many)).loc["G-norm-kfool"]
    assert row["verdict"] == "refuted"
    assert row["mean"] == pytest.approx(1, abs=0.02)
    assert row["p"] > 0.05
    few = here[here["image"].isin(sorted(here["image"].unique())[:4])]
    few = pd.concat([few, rival(few, 0.8)], ignore_index=True)
    assert claims(changed(full, few)).loc["G-norm-kfool", "verdict"] == "not testable"
    # No image differs in success: bounded by the images, not said to be exactly zero.
    same = claims(changed(full, many)).loc["G-success-kfool"]
    most = 1 - 0.025 ** (1 / same["images"])
    assert (same["ci_low"], same["ci_high"]) == pytest.approx((-most, most))
    assert same["p"] == 1
    assert same["p_no_gain"] == pytest.approx((1 - SMALLEST["share"]) ** same["images"])


def test_the_primary_family_is_corrected_by_holm(full: TopkTidy) -> None:
    frame = claims(full)
    primary = frame[frame["family"] == "primary"]
    assert len(primary) == 2 * len(BASELINES)
    assert frame.loc[frame["family"] != "primary", "p_holm"].isna().all()
    given = primary["p"].sort_values()
    by_hand, largest = {}, 0.0
    for place, (claim, p) in enumerate(given.items()):
        largest = max(largest, min(1.0, (len(given) - place) * p))
        by_hand[claim] = largest
    assert primary["p_holm"].to_dict() == pytest.approx(by_hand)
    made = frame[frame["family"] != "untested"]
    ranked = made["p"].fillna(1).sort_values()
    last = ranked.iloc[-1]
    assert made.loc[ranked.index[-1], "p_bh"] == pytest.approx(last)
    assert (made["p_bh"] >= made["p"].fillna(1) - 1e-12).all()


def test_a_sentence_has_the_numbers_of_its_row(full: TopkTidy) -> None:
    frame = catalogue.tested(full).frame
    for row in records(frame[frame["family"] != "untested"]):
        assert row["sentence"].startswith(f"{row['words']}: {row['verdict']} ({row['reason']})")
        assert f"{row['images']} images" in row["sentence"]
        shown = f"{abs(row['mean']):.3f}"
        assert shown in row["sentence"], row["sentence"]
    (answer,) = [text for text in sentences(full) if "primary family" in text]
    assert f"{2 * len(BASELINES)} comparisons" in answer
    assert f"holds in {2 * len(BASELINES)}" in answer


def test_losses_with_the_same_perturbations_are_one_test(full: TopkTidy) -> None:
    images = full["topk_images"]
    exact = images[(images["experiment"] == "relaxation") & (images["surrogate"] == "exact")]
    others = images[(images["experiment"] != "relaxation") | (images["surrogate"] != "hinge")]
    for factor, there in ((1.0, False), (1.01, True)):
        hinge = exact.assign(surrogate="hinge", l2=factor * exact["l2"])
        found = claims(changed(full, pd.concat([others, hinge], ignore_index=True)))
        assert ("relaxation-hinge" in found.index) is there
        words = found.loc["relaxation-exact", "words"]
        assert words.endswith("which makes the same)") is not there
        # The order of rows does not matter.
        turned = pd.concat([others, hinge.iloc[::-1]], ignore_index=True)
        assert ("relaxation-hinge" in claims(changed(full, turned)).index) is there


def test_a_run_of_one_seed_and_of_one_method(small: TopkTidy) -> None:
    frame = claims(small)
    assert (frame.loc[frame["family"] == "primary", "seeds"] == 1).all()
    images = small["topk_images"]
    alone = changed(
        small, images[(images["method"] == "tkmia") & (images["experiment"] != "alpha")]
    )
    left = catalogue.tested(alone).frame
    assert set(left["family"]) <= {"check", "untested"}

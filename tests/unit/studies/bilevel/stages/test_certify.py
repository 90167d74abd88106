"""Stage bilevel_certify on small point sets: tables, certified <= attacked, damaged input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.certificates.safest import Clustering
from advlearn.data.clusterpath import read_clusterpath
from advlearn.data.point_sets import make_points, read_points, save_points
from advlearn.settings.points import BlobsSettings
from advlearn.studies.bilevel.sandwich import Rebuilder, Sandwich
from advlearn.studies.bilevel.schema import SCHEMA
from advlearn.studies.bilevel.settings.certify import BilevelCertifyJob
from advlearn.studies.bilevel.stages.certify import bilevel_certify
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError
from tests.helpers.bilevel_stages import CERTIFY_JOB

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tables(certified: Path) -> dict[str, pd.DataFrame]:
    out = certified / "blobs/interval.csv"
    bilevel_certify(
        data=certified / "blobs.npz",
        path=certified / "path.npz",
        name="blobs",
        settings=CERTIFY_JOB,
        out=out,
    )
    kinds = ("interval", "sandwich", "trials", "calmness", "defence")
    return {kind: pd.read_csv(out.with_name(f"{kind}.csv")) for kind in kinds}


def test_tables_have_the_columns_that_the_paper_reads(tables: dict[str, pd.DataFrame]) -> None:
    for kind, table in tables.items():
        shape = SCHEMA.tables["bilevel_intervals" if kind == "interval" else f"bilevel_{kind}"]
        assert list(table.columns) == list(shape.columns)
        assert len(table)
        assert not table.duplicated(list(shape.key)).any()


def test_radii_and_attacks_are_there_for_every_victim(tables: dict[str, pd.DataFrame]) -> None:
    frame = tables["sandwich"]
    assert set(frame["weights"]) == {"fixed", "recomputed", "rebuilt"}
    assert (frame.loc[frame["kind"] == "certified", "epsilon"] > 0).any()
    assert (frame["kind"] == "attacked").any()


def test_attacks_below_the_radius_are_counted_and_change_nothing(
    tables: dict[str, pd.DataFrame],
) -> None:
    frame, certify = tables["trials"], CERTIFY_JOB.certify
    assert (frame["changed"] == 0).all()
    assert (frame["tries"] > 0).all()
    assert frame["largest"].max() == pytest.approx(0.999)
    assert (frame["largest"] <= frame["share"] * (1 + 1e-9)).all()
    certified = tables["sandwich"].query("kind == 'certified'")
    proved = certified.groupby(["weights", "gamma"])["epsilon"].max()
    tried = frame.groupby(["weights", "gamma"])["radius"].first()
    assert tried.to_dict() == proved[proved > 0].to_dict()
    for _, part in frame.groupby(["weights", "gamma", "share"]):
        counts = part.set_index("method")["tries"]
        assert set(counts.index) == {*certify.tried, "noise", "worst"}
        assert counts["noise"] == certify.draws


def test_tries_can_fail(
    certified: Path, tables: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a radius a tenth above what attacks need, tries change the partition."""
    attacked = tables["sandwich"].query("kind == 'attacked'")
    needed = attacked.groupby("weights")["epsilon"].min()

    def trials(factor: float) -> pd.DataFrame:
        monkeypatch.setattr(
            Clustering, "radius", lambda self, points, weights, *_: factor * needed[weights]
        )
        sandwich = Sandwich(
            certified / "blobs.npz", certified / "path.npz", "blobs", CERTIFY_JOB, Checkpoint.off()
        )
        return pd.DataFrame(sandwich.trials())

    wrong = trials(1.1)
    changed = wrong[wrong["share"] == 0.999].groupby("weights")["changed"].sum()
    assert (changed[["fixed", "recomputed"]] > 0).all()
    assert (wrong.loc[wrong["share"] == 0.5, "changed"] == 0).all()


def test_the_victim_who_takes_all_anew_is_attacked_at_the_chosen_gamma(
    tables: dict[str, pd.DataFrame],
) -> None:
    frame = tables["sandwich"].query("weights == 'rebuilt'")
    assert set(frame["kind"]) == {"attacked", "unchanged"}
    assert set(frame["method"]) == set(CERTIFY_JOB.certify.attacks)
    assert frame["gamma"].nunique() == 1


def test_the_victim_who_takes_all_anew_has_no_scale_of_its_own(certified: Path) -> None:
    points = read_points(certified / "blobs.npz").points
    walked = read_clusterpath(certified / "path.npz", len(points))
    victim = Rebuilder(CERTIFY_JOB, walked.gammas, 2)
    labels = victim(points)
    assert labels.max() == 1
    assert (victim(7.0 * points + 3.0) == labels).all()
    # One point between the clusters and beyond is another neighbour of others.
    assert (victim(np.zeros_like(points)) == 0).all()


def test_certified_intervals_lie_in_the_true_one(tables: dict[str, pd.DataFrame]) -> None:
    for _, part in tables["interval"].groupby("weights"):
        true = part[part["bound"] == "true"]
        if len(true):
            better = part[part["bound"] == "reweighted"].iloc[0]
            assert true["low"].item() <= better["low"] * 1.001
            assert better["low"] >= better["high"] or better["high"] <= true["high"].item()


def test_solutions_move_less_than_the_bounds(tables: dict[str, pd.DataFrame]) -> None:
    frame = tables["calmness"]
    assert (frame["change"] <= frame["bound"] * (1 + 1e-6)).all()
    assert (frame["bound"] <= frame["modulus"] * frame["size"] * (1 + 1e-9)).all()
    assert set(frame["direction"]) == {"noise", "merge", "split"}


def test_the_chosen_setting_has_the_largest_radius(tables: dict[str, pd.DataFrame]) -> None:
    for _, part in tables["defence"].groupby("parameter"):
        chosen = part[part["chosen"] == 1]
        assert len(chosen) == 1
        assert chosen["radius"].item() == part["radius"].max()


def test_what_was_tried_in_vain_has_a_row(certified: Path, tmp_path: Path) -> None:
    # One round of noise changes nothing, and a graph of nearest pairs has too many components.
    certify = {
        "gammas": 1, "rounds": 1, "attacks": ["noise"], "calmness": 0, "max_clusters": 2,
        "complete_up_to": 0, "defence": {"phis": [], "n_neighbors": [1], "gammas": 2},
    }  # fmt: skip
    bilevel_certify(
        data=certified / "blobs.npz",
        path=certified / "path.npz",
        name="blobs",
        settings=BilevelCertifyJob.model_validate({"graph": CERTIFY_JOB.graph, "certify": certify}),
        out=tmp_path / "interval.csv",
    )
    sandwich = pd.read_csv(tmp_path / "sandwich.csv")
    attacked = sandwich[sandwich["kind"] == "attacked"]
    assert len(attacked) == (sandwich["kind"] == "unchanged").sum() > 0
    assert attacked["epsilon"].isna().all()
    defence = pd.read_csv(tmp_path / "defence.csv").set_index("parameter")
    row = defence.loc["n_neighbors"]
    assert (row["dataset"], row["value"], row["chosen"]) == ("blobs", 1, 0)
    assert row[["gamma", "radius", "n_clusters", "ari_truth"]].isna().all()
    assert defence.loc[["gamma"], "chosen"].sum() == 1


def test_the_same_again_gives_the_same_files(
    certified: Path, tables: dict[str, pd.DataFrame]
) -> None:
    again = certified / "again/interval.csv"
    bilevel_certify(
        data=certified / "blobs.npz",
        path=certified / "path.npz",
        name="blobs",
        settings=CERTIFY_JOB,
        out=again,
    )
    for kind in tables:
        before = (certified / f"blobs/{kind}.csv").read_bytes()
        assert again.with_name(f"{kind}.csv").read_bytes() == before


def test_a_path_of_other_points_is_refused(certified: Path, tmp_path: Path) -> None:
    other = make_points(BlobsSettings(points=24, clusters=2), 12)
    save_points(tmp_path / "other.npz", other)
    with pytest.raises(UserError, match="not of these 24 points"):
        bilevel_certify(
            data=tmp_path / "other.npz",
            path=certified / "path.npz",
            name="blobs",
            settings=CERTIFY_JOB,
            out=tmp_path / "interval.csv",
        )

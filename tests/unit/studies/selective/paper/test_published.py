"""The published numbers as the paper prints them; a typing error here would falsify every table."""

from __future__ import annotations

import pandas as pd
import pytest

from advlearn.studies.selective.schema import SelectiveTidy

GRIDS = {"selective_table1_fgsm": "Table 1", "selective_table2_pgd": "Table 2"}


def _wide(tidy: SelectiveTidy, name: str) -> pd.DataFrame:
    return tidy.published(name).pivot(
        index="n_clusters", columns=["algorithm", "metric"], values="published"
    )


@pytest.mark.parametrize("name", GRIDS)
def test_grids_are_whole(full: SelectiveTidy, name: str) -> None:
    frame = full.published(name)
    assert len(frame) == 60
    assert list(_wide(full, name).index) == list(range(1, 11))
    assert frame["source"].str.startswith(GRIDS[name]).all()
    assert frame["published"].between(0, 1).all()


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("algorithm", ["kmeans", "agglomerative"])
def test_averages_are_those_of_the_two_accuracies(
    full: SelectiveTidy, name: str, algorithm: str
) -> None:
    wide = _wide(full, name)[algorithm]
    half = (wide["clean_accuracy"] + wide["adversarial_accuracy"]) / 2
    # The paper rounds to three decimals, or cuts.
    assert (half - wide["average_accuracy"]).abs().max() <= 0.00051


def test_known_cells(full: SelectiveTidy) -> None:
    first, second = (_wide(full, name) for name in GRIDS)
    assert first.loc[8, ("kmeans", "average_accuracy")] == 0.663
    assert first.loc[9, ("agglomerative", "adversarial_accuracy")] == 0.244
    assert first.loc[10, ("kmeans", "clean_accuracy")] == 0.969
    assert second.loc[7, ("agglomerative", "average_accuracy")] == 0.709
    assert second.loc[8, ("kmeans", "adversarial_accuracy")] == 0.412


def test_contradictions_are_noted(full: SelectiveTidy) -> None:
    first = full.published("selective_table1_fgsm")
    noted = first[first["note"].notna()]
    best = noted[(noted["algorithm"] == "kmeans") & (noted["metric"] == "average_accuracy")]
    assert set(best["n_clusters"]) == {4, 8}
    overall = full.published("selective_table3_overall")
    classic = overall[
        (overall["algorithm"] == "classic") & (overall["metric"] == "adversarial_accuracy")
    ].iloc[0]
    assert classic["published"] == 0.50
    assert "5.05 %" in classic["note"]
    after_break = first[first["n_clusters"] >= 9]
    assert after_break["source"].str.contains("after the page break").all()


def test_best_rows_are_rows_of_table_1(full: SelectiveTidy) -> None:
    overall = full.published("selective_table3_overall").set_index(["algorithm", "metric"])
    best = overall["published"].to_dict()
    first = full.published("selective_table1_fgsm").set_index(["n_clusters", "algorithm", "metric"])
    lines = first["published"].to_dict()
    for algorithm, row in (("kmeans", 8), ("agglomerative", 4)):
        for metric in ("clean_accuracy", "adversarial_accuracy"):
            assert best[algorithm, metric] == lines[row, algorithm, metric]


def test_baselines(full: SelectiveTidy) -> None:
    values = full.published("selective_baselines").set_index("quantity")["published"].to_dict()
    assert values == {
        "classic_clean": 0.9701,
        "classic_fgsm": 0.0505,
        "classic_pgd": 0.0244,
        "at_clean": 0.9699,
        "at_fgsm": 0.3016,
        "at_pgd": 0.2888,
    }

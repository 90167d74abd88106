from pathlib import Path

import pandas as pd
import pytest
import yaml

from advlearn.studies.selective.search.likelihood import heaviest, weights
from advlearn.studies.selective.search.plausible import plausible_universes
from advlearn.studies.selective.search.space import draws, follows_the_size
from advlearn.studies.selective.settings.universe import UniverseSettings
from advlearn.studies.selective.stages.plausible import plausible
from advlearn.support.errors import UserError
from advlearn.support.io import write_csv
from tests.helpers.searched import AT_THE_PUBLISHED, PUBLISHED, frame, rows

ROOT = Path(__file__).parents[5]
BASELINES = ROOT / "config" / "published" / "selective" / "selective_baselines.csv"


def searched(count: int = 40) -> pd.DataFrame:
    near = [
        {name: min(1.0, share * (1 + 0.0004 * i)) for name, share in AT_THE_PUBLISHED.items()}
        for i in range(count)
    ]
    return frame(*(rows(i, shares) for i, shares in enumerate(near)))


def test_the_sets_hold_what_they_say() -> None:
    table = searched()
    weighted = weights(table, PUBLISHED)
    found = plausible_universes(table, weighted)
    plausible_set = {name: each for name, each in found.items() if "plausible" in each["sets"]}
    assert list(plausible_set) == [f"plausible_{i}" for i in range(1, 11)]
    own = [each["sets"]["plausible"] for each in plausible_set.values()]
    assert sum(own) == pytest.approx(1, abs=1e-5)
    heavy = weighted.sort_values("weight", ascending=False)["weight"].to_numpy()[:10]
    assert own == pytest.approx(list(heavy / heavy.sum()), rel=1e-4)
    for group in ("fixed", "following"):
        members = [each for each in found.values() if group in each["sets"]]
        assert len(members) == 10
        assert sum(each["sets"][group] for each in members) == pytest.approx(1, abs=1e-4)
        for each in members:
            fixed = each["retrain"]["adversarial_steps"] is not None
            assert fixed == (group == "fixed")
    # Nothing runs twice.
    keys = [(each["description"].split(":")[0], each["protocol"]) for each in found.values()]
    assert len(set(keys)) == len(keys)


def test_one_winner_is_no_set() -> None:
    near = {**AT_THE_PUBLISHED, "at_fgsm_whitebox": 0.2}
    far = {name: 1.15 * share for name, share in near.items() if "clean" not in name}
    table = frame(rows(0, near), *(rows(i, {**near, **far}) for i in range(1, 6)))
    weighted = weights(table, PUBLISHED)
    assert len(heaviest(weighted)) == 1
    found = plausible_universes(table, weighted)
    inside = [name for name, each in found.items() if "plausible" in each["sets"]]
    assert inside == ["plausible_1", "plausible_2", "plausible_3"]


def test_it_round_trips_through_the_settings(tmp_path: Path) -> None:
    write_csv(tmp_path / "universes.csv", searched())
    out = tmp_path / "plausible.yaml"
    plausible(universes=[tmp_path / "universes.csv"], published=BASELINES, out=out)
    universes = yaml.safe_load(out.read_text())["selective"]["universes"]
    assert len(universes) > 10
    for name, values in universes.items():
        read = UniverseSettings.model_validate(values)
        number = int(read.description.split()[1])
        (draw,) = draws(number, 1)
        same = {"description", "protocol", "sets"}
        assert read.model_dump(exclude=same) == draw.universe.model_dump(exclude=same), name
        assert read.protocol in read.description.replace("-", "")
        assert read.sets
        if "following" in read.sets:
            assert follows_the_size(draw.answers["adversarial_steps"])


def test_without_weight_nothing_is_plausible() -> None:
    table = frame(rows(0, {}, status="stopped"), rows(1, {}, status="failed"))
    table = table.reindex(columns=searched(1).columns)
    with pytest.raises(UserError, match="no universe of the search has weight") as error:
        plausible_universes(table, weights(table, PUBLISHED))
    assert "selective.calibrate.draws" in error.value.remedy


def test_a_table_of_another_space_is_refused() -> None:
    table = searched(3).replace({"batch": {draws(0, 1)[0].answers["batch"]: "512"}})
    with pytest.raises(UserError, match="another answer to 'batch'"):
        plausible_universes(table, weights(table, PUBLISHED))

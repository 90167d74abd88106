from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from advlearn.studies.selective.search.measured import Outcome
from advlearn.studies.selective.search.questions import MEASURED
from advlearn.studies.selective.search.rows import COLUMNS, read_rows
from advlearn.studies.selective.search.space import draws
from advlearn.studies.selective.settings.calibrate import ConfirmJob
from advlearn.studies.selective.stages import confirm as stage
from advlearn.studies.selective.stages.confirm import confirm
from tests.helpers.tiny import TinyRun

ROOT = Path(__file__).parents[5]
BASELINES = ROOT / "config" / "published" / "selective" / "selective_baselines.csv"


@pytest.fixture
def chosen(tmp_path: Path) -> Path:
    path = tmp_path / "finalists.csv"
    kinds = ["likelihood"] * 3 + ["random"] * 2
    pd.DataFrame({"universe": [9, 4, 7, 2, 30], "chosen_by": kinds}).to_csv(path, index=False)
    return path


def run(tiny: TinyRun, chosen: Path, out: Path, part: int, parts: int) -> pd.DataFrame:
    job = ConfirmJob(part=part, parts=parts, seeds=(0, 1, 2))
    confirm(
        data=tiny.data, finalists=chosen, published=BASELINES, settings=job, out=out, device="cpu"
    )
    return read_rows(out)


def test_finalists_are_measured_seed_by_seed_until_they_are_left(
    tiny: TinyRun, chosen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int, int]] = []

    def known(universe: Any, data: Any, seed: int, hopeless: Any) -> Outcome:
        number = int(universe.description.split()[1].rstrip(":"))
        assert universe == draws(number, 1)[0].universe
        asked.append((number, seed, len(data.validation.labels)))
        if number == 4 and seed == 1:
            return Outcome("stopped", {"classic_clean": 0.5})
        return Outcome("measured", dict.fromkeys(MEASURED, 0.5))

    monkeypatch.setattr(stage, "measure", known)
    one = run(tiny, chosen, tmp_path / "0.csv", 0, 2)
    other = run(tiny, chosen, tmp_path / "1.csv", 1, 2)
    assert list(one["universe"]) == [9, 9, 9, 7, 7, 7, 30, 30, 30]
    assert list(other["universe"]) == [4, 4, 2, 2, 2]
    assert list(other["status"]) == ["measured", "stopped", *["measured"] * 3]
    assert list(other["chosen_by"]) == [*["likelihood"] * 2, *["random"] * 3]
    assert set(one["stage"]) == {"second"}
    # All validation images.
    assert {n for _, _, n in asked} == {50}


def test_the_mean_of_the_seeds_so_far_decides(
    tiny: TinyRun, chosen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = iter([0.1, 0.2, 0.3])
    seen: list[list[float]] = []

    def known(universe: Any, data: Any, seed: int, hopeless: Any) -> Outcome:
        return Outcome("measured", dict.fromkeys(MEASURED, next(shares)))

    def asked(earlier: Any, *args: Any) -> Any:
        seen.append([each["classic_clean"] for each in earlier])
        return None

    monkeypatch.setattr(stage, "measure", known)
    monkeypatch.setattr(stage, "hopeless_after", asked)
    run(tiny, chosen, tmp_path / "0.csv", 0, 5)
    assert seen == [[], [0.1], [0.1, 0.2]]


def test_a_part_without_finalists_has_a_header(tiny: TinyRun, chosen: Path, tmp_path: Path) -> None:
    found = run(tiny, chosen, tmp_path / "9.csv", 9, 10)
    assert found.empty
    assert list(found.columns) == COLUMNS


def test_it_runs_for_real(tiny: TinyRun, chosen: Path, tmp_path: Path) -> None:
    first = run(tiny, chosen, tmp_path / "a.csv", 2, 5)
    run(tiny, chosen, tmp_path / "b.csv", 2, 5)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert set(first["universe"]) == {7}

from pathlib import Path
from typing import Any

import pytest

from advlearn.studies.selective.search.questions import MEASURED, QUESTIONS
from advlearn.studies.selective.search.rows import read_rows
from advlearn.studies.selective.search.space import draws
from advlearn.studies.selective.settings.calibrate import CalibrateJob, CalibrateSettings
from advlearn.studies.selective.stages import calibrate as stage
from advlearn.studies.selective.stages.calibrate import calibrate
from tests.helpers.tiny import TinyRun

ROOT = Path(__file__).parents[5]
BASELINES = ROOT / "config" / "published" / "selective" / "selective_baselines.csv"


def run(tiny: TinyRun, out: Path, first: int, count: int, seed: int = 0) -> bytes:
    job = CalibrateJob(first=first, count=count, seed=seed, epochs=1, validation_images=20)
    calibrate(data=tiny.data, published=BASELINES, settings=job, out=out, device="cpu")
    return out.read_bytes()


def test_blocks_put_together_are_one_search(tiny: TinyRun, tmp_path: Path) -> None:
    whole = run(tiny, tmp_path / "whole.csv", 3, 4)
    parts = [run(tiny, tmp_path / f"{i}.csv", *of) for i, of in enumerate(((3, 1), (4, 3)))]
    header, _, rest = parts[1].partition(b"\n")
    assert whole == parts[0] + rest
    assert whole.startswith(header)
    frame = read_rows(tmp_path / "whole.csv")
    assert frame["universe"].tolist() == [3, 4, 5, 6]
    assert set(frame["stage"]) == {"first"}
    assert set(frame["n_images"]) == {20}
    answers = frame[list(QUESTIONS)].fillna("").to_dict("records")
    assert answers == [draw.answers for draw in draws(3, 4)]


def test_what_is_not_hopeless_is_measured_to_the_end(
    tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*args: Any) -> Any:
        return lambda shares: False

    monkeypatch.setattr(stage, "hopeless_after", asked)
    monkeypatch.setattr(stage, "hopeless_early", asked)
    # An MLP, as the digits are small; few steps.
    number = next(
        draw.number
        for draw in draws(0, 64)
        if draw.answers["adversarial_steps"] == "10" and draw.answers["model"].startswith("mlp")
    )
    assert run(tiny, tmp_path / "a.csv", number, 1) == run(tiny, tmp_path / "b.csv", number, 1)
    frame = read_rows(tmp_path / "a.csv")
    assert frame["status"].tolist() == ["measured"]
    assert frame[list(MEASURED)].notna().all(axis=None)
    assert ((frame[list(MEASURED)] * 20).round(6) % 1 == 0).all(axis=None)
    assert run(tiny, tmp_path / "c.csv", number, 1, seed=1) != run(
        tiny, tmp_path / "a.csv", number, 1
    )


@pytest.mark.parametrize(
    ("first", "draws", "block", "expected"),
    [
        (0, 10, 5, {0: (0, 5), 1: (5, 10)}),
        (0, 11, 5, {0: (0, 5), 1: (5, 10), 2: (10, 11)}),
        (7, 6, 5, {1: (7, 10), 2: (10, 13)}),
        (5, 1, 50, {0: (5, 6)}),
    ],
)
def test_every_draw_is_in_one_block(
    first: int, draws: int, block: int, expected: dict[int, tuple[int, int]]
) -> None:
    settings = CalibrateSettings(first=first, draws=draws, block=block)
    found = {number: settings.draws_of(number) for number in settings.blocks()}
    assert found == expected
    drawn = [draw for one, end in found.values() for draw in range(one, end)]
    assert drawn == list(range(first, first + draws))


def test_an_extended_search_keeps_its_blocks() -> None:
    few, more = (CalibrateSettings(draws=n, block=5) for n in (10, 25))
    assert [more.draws_of(block) for block in few.blocks()] == [
        few.draws_of(block) for block in few.blocks()
    ]

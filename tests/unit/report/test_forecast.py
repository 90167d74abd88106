"""How long the rest of a run takes: what is known of stages, and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.report.forecast import ENOUGH, Forecast, in_words, shipped_seconds


def begun(shipped: dict[str, float] | None = None, **jobs: int) -> Forecast:
    forecast = Forecast(shipped or {})
    forecast.plan(jobs)
    return forecast


def run_one(forecast: Forecast, job: int, stage: str, begin: float, end: float) -> None:
    forecast.begin(job, stage, begin)
    forecast.end(job, end)
    forecast.done += 1


def test_the_times_of_the_last_run_count_from_the_first_job() -> None:
    forecast = begun(train=4, attack=2)
    forecast.earlier = {"train": 10.0, "attack": 30.0}
    forecast.begin(1, "train", 0.0)
    assert forecast.left(0.0) == 3 * 10 + 2 * 30 + 10
    assert forecast.left(4.0) == 3 * 10 + 2 * 30 + 6
    # A job that takes longer than expected is always about to end.
    assert forecast.left(25.0) == 3 * 10 + 2 * 30


def test_jobs_that_ended_count_before_those_of_the_last_run() -> None:
    forecast = begun(train=3)
    forecast.earlier = {"train": 100.0}
    run_one(forecast, 1, "train", 0.0, 20.0)
    assert forecast.left(20.0) == 2 * 20


def test_jobs_beside_each_other_halve_the_time() -> None:
    forecast = begun(train=6)
    for job in (1, 2):
        forecast.begin(job, "train", 0.0)
    for job in (1, 2):
        forecast.end(job, 20.0)
    assert forecast.left(20.0) == 4 * 20 / 2


def test_shipped_times_are_scaled_by_what_stages_took() -> None:
    forecast = begun({"train": 100.0, "attack": 400.0}, train=2, attack=1)
    assert forecast.left(0.0) is None
    run_one(forecast, 1, "train", 0.0, ENOUGH)
    run_one(forecast, 2, "train", ENOUGH, 2 * ENOUGH)
    assert forecast.left(2 * ENOUGH) == pytest.approx(ENOUGH / 100 * 400)


def test_no_job_is_shorter_than_the_shortest_stage() -> None:
    forecast = begun({"train": 100.0, "attack": 1.0}, train=1, attack=1)
    run_one(forecast, 1, "train", 0.0, 20.0)
    assert forecast.left(20.0) == 20.0


def test_an_unknown_stage_takes_the_mean() -> None:
    forecast = begun(train=1, attack=1, draw=1)
    run_one(forecast, 1, "train", 0.0, 10.0)
    run_one(forecast, 2, "attack", 10.0, 40.0)
    assert forecast.left(40.0) == 20.0


def test_nothing_is_said_before_anything_is_known() -> None:
    forecast = begun(train=2)
    forecast.begin(1, "train", 0.0)
    assert forecast.left(3.0) is None
    assert "left" not in forecast.line(3.0)


def test_a_job_that_failed_or_began_anew_says_nothing() -> None:
    forecast = begun(train=3)
    forecast.earlier = {"train": 10.0}
    forecast.begin(1, "train", 0.0)
    forecast.end(1, 50.0, well=False)
    assert forecast.left(50.0) == 2 * 10
    forecast.begin(2, "train", 50.0)
    forecast.begin(2, "train", 55.0)
    assert forecast.left(55.0) == pytest.approx((10 + 10) / 1.0)
    forecast.end(99, 60.0)  # never seen


def test_the_line_says_done_time_stages_and_rest() -> None:
    forecast = begun(train=60, attack=1, embed=1, select=1)
    forecast.earlier = dict.fromkeys(("train", "attack", "embed", "select"), 60.0)
    forecast.total = 64
    for job, stage in enumerate(("train", "train", "attack", "embed", "select")):
        forecast.begin(job, stage, 0.0)
    assert forecast.line(0.0) == (
        "0 of 64 jobs, 0 s: attack, embed, select, 1 more; about 1 h 3 min left"
    )
    assert forecast.line(60.0).startswith("0 of 64 jobs, 1 min: attack")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (80, "1 min 20 s"),
        (3599, "59 min"),
        (4800, "1 h 20 min"),
        (7200, "2 h"),
        (-3, "0 s"),
    ],
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e4)), max_size=20))
def test_the_rest_is_never_negative(jobs: list[tuple[str, float]]) -> None:
    forecast = begun({"a": 3.0}, **dict.fromkeys("abc", 7))
    now = 0.0
    for job, (stage, seconds) in enumerate(jobs):
        forecast.begin(job, stage, now)
        assert (forecast.left(now) or 0.0) >= 0
        now += seconds
        forecast.end(job, now)
        assert (forecast.left(now) or 0.0) >= 0


def test_shipped_times_are_read_from_all_records(tmp_path: Path) -> None:
    stages = {"train": {"jobs": 4, "seconds": 10.0}, "never": None}
    (tmp_path / "run.json").write_text(json.dumps({"stages": stages}))
    (tmp_path / "run-topk.json").write_text(
        json.dumps({"stages": {"attack": {"jobs": 1, "seconds": 3.0}}})
    )
    for number, broken in enumerate(("{", "[]", '{"stages": {"x": {"jobs": 0, "seconds": 1}}}')):
        (tmp_path / f"run-{number}.json").write_text(broken)
    assert shipped_seconds(tmp_path) == {"train": 2.5, "attack": 3.0}
    assert shipped_seconds(tmp_path / "none") == {}


def test_the_shipped_records_have_the_stages_of_every_study() -> None:
    found = shipped_seconds(Path(__file__).parents[3] / "results" / "reference")
    assert {"retrain", "topk_attack", "bilevel_attack"} <= set(found)

"""Cost against the number of images: what is measured, foretold, fitted and shown."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.config import load_file
from advlearn.data.store import load_split
from benchmarks import scaling, scaling_cases, scaling_page, scaling_stages, scaling_wide
from benchmarks.scaling_fit import fit

ROOT = Path(__file__).parents[3]
SIZES = np.array([1e3, 4e3, 16e3, 60e3, 250e3])


@pytest.mark.parametrize(("power", "start"), [(1.0, 2.0), (2.0, 3.0), (1.3, 0.0)])
def test_the_exponent_is_found_below_the_start_of_the_process(power: float, start: float) -> None:
    values = start + 1e-4 * SIZES**power
    curve = fit(SIZES, values)
    assert curve is not None
    assert curve.power == pytest.approx(power, abs=0.011)
    assert curve.low <= curve.power <= curve.high
    assert curve.error < 0.01
    assert curve.at(1e6) == pytest.approx(start + 1e-4 * 1e6**power, rel=0.05)
    assert curve.reaches(curve.at(1e6)) == pytest.approx(1e6)


def test_two_sizes_are_no_curve_and_a_constant_reaches_nothing() -> None:
    assert fit(SIZES[:2], np.ones(2)) is None
    curve = fit(SIZES, np.full(5, 7.0))
    assert curve is not None
    assert curve.at(1e6) == pytest.approx(7, rel=0.01)
    assert curve.reaches(1e9) > 1e12


def test_noise_widens_the_range() -> None:
    noise = np.array([1.0, 1.1, 0.9, 1.1, 0.95])
    curve = fit(SIZES, 1e-4 * SIZES * noise)
    assert curve is not None
    assert curve.low < curve.power < curve.high
    assert curve.error > 0.01


def test_foretelling_does_not_let_the_start_grow() -> None:
    assert scaling.foretold([], [], 1000) == 0
    assert scaling.foretold([1000, 4000], [3.0, 3.3], 16_000) == pytest.approx(3.3 + 4 * 0.3)
    squares = [3 + 1e-6 * n**2 for n in (1000, 4000, 16_000)]
    assert scaling.foretold([1000, 4000, 16_000], squares, 64_000) == pytest.approx(
        3 + 1e-6 * 64_000**2, rel=0.1
    )


def test_a_process_is_measured_and_ended_at_its_limit(tmp_path: Path) -> None:
    busy = "import time; x = b'1' * 200_000_000; t = time.process_time() + 0.5\n"
    busy += "while time.process_time() < t: pass"
    cost = scaling.measured([sys.executable, "-c", busy], 10, 1000, tmp_path / "log")
    assert cost.cpu_s >= 0.5
    assert cost.peak_mb > 200
    endless = [sys.executable, "-c", "while True: pass"]
    with pytest.raises(scaling.Stopped):
        scaling.measured(endless, 0.4, 1000, tmp_path / "log")
    large = [sys.executable, "-c", "b'1' * 1_000_000_000"]
    with pytest.raises(scaling.Stopped, match="MemoryError"):
        scaling.measured(large, 10, 100, tmp_path / "log")


def test_copies_differ_from_their_originals_and_from_each_other() -> None:
    images = np.zeros((10, 1, 12, 12), np.uint8)
    images[:, :, 3:9, 3:9] = np.random.default_rng(0).integers(1, 256, (10, 1, 6, 6))
    made = scaling_cases.many(images, 95)
    np.testing.assert_array_equal(made[:10], images)
    np.testing.assert_array_equal(scaling_cases.many(images, 35), made[:35])
    assert len({one.tobytes() for one in made}) == 95
    bright = made.reshape(95, -1).max(axis=1) / np.resize(images.reshape(10, -1).max(axis=1), 95)
    assert bright.min() > 0.75


def test_the_prepared_folder_has_the_sizes_that_were_asked_for(tmp_path: Path) -> None:
    source = tmp_path / "mnist"
    rng = np.random.default_rng(0)
    scaling_cases.write_images(_tiny(source, rng), 45, 7, tmp_path / "data")
    train, test = (load_split(tmp_path / "data", part) for part in ("train", "test"))
    assert (len(train), len(test)) == (45, 7)
    np.testing.assert_array_equal(train.labels[:20], train.labels[20:40])
    assert len(load_split(tmp_path / "data", "validation")) == scaling_cases.OTHERS


def _tiny(folder: Path, rng: np.random.Generator) -> Path:
    folder.mkdir()
    for part, count in (("train", 20), ("test", 600)):
        np.save(folder / f"{part}_images.npy", rng.integers(0, 256, (count, 1, 4, 4), np.uint8))
        np.save(folder / f"{part}_labels.npy", np.arange(count) % 2)
    info = {
        "name": "mnist", "title": "t", "n_classes": 2, "shape": [1, 4, 4],
        "class_names": ["0", "1"], "n_train": 20, "n_validation": 0, "n_test": 600,
        "split_seed": 0, "licence": "", "reference": "",
    }  # fmt: skip
    pd.Series(info).to_json(folder / "dataset.json")
    return folder


def test_every_need_is_a_stage_or_a_preparation() -> None:
    config = load_file(ROOT / "config/config.yaml")
    made = scaling_stages.preparations(config, Path("data"), Path("weights"))
    assert set(made) == set(scaling_stages.MADE)
    for stage in scaling_stages.stages(config, Path("weights"), Path("weights")):
        assert set(stage.needs) <= set(made)
        assert stage.command(Path("folder"), 10)[1] == "-m"
        assert list(stage.sizes) == sorted(set(stage.sizes))


@pytest.mark.parametrize("case", ["pca", "convex clustering", "poisoning"])
def test_the_other_axis_runs_with_few_features(case: str) -> None:
    scaling_wide.CASES[case][1](12)


def test_a_page_marks_what_was_not_measured(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"stage": "slow", "n": n, "unit": "images", "what": "w", "models": 2,
         "cpu_s": 2 + 2e-6 * n**2, "peak_mb": 100.0}
        for n in (1000, 4000, 16_000, 60_000)
    ]  # fmt: skip
    rows.append({**rows[0], "n": 250_000, "cpu_s": None, "peak_mb": None, "stopped": "time"})
    wide = {"stage": "wide w", "unit": "features", "what": "f", "models": 1, "peak_mb": 90.0}
    rows += [{**wide, "n": n, "cpu_s": n / 100} for n in (64, 784, 3_072)]
    rows += [
        {"stage": "large", "n": n, "unit": "images", "what": "w", "models": 1, "cpu_s": n / 1e5,
         "peak_mb": 50 + n / 10}
        for n in (1000, 4000, 16_000, 60_000, 250_000)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "scaling.csv", index=False)
    stages = scaling_page.read(tmp_path / "scaling.csv")
    table = scaling_page.costs_table(stages, "seconds")
    assert "| slow | w | 2 | 17 | 257 | 3,601 | ~63,000 | ~1,000,000 |" in table
    assert stages[0].limit()[1] == "time"
    first = scaling_page.first_to_break(stages)
    assert "`large`, at about 240,000 images, by memory" in first
    assert "`slow`, at about 290,000, by time" in first
    features = scaling_page.costs_table(stages, "seconds", scaling_page.WIDE)
    assert "| w | f | 0.64 | 7.84 | 30.7 | ~120 | ~490 | ~1,500 |" in features
    assert "wide" not in scaling_page.curves_table(stages)
    memory = scaling_page.costs_table(stages, "memory")
    assert "| large | w | 150 | 450 | 1,650 | 6,050 | 25,050 | ~100,000 |" in memory
    assert "| over " in scaling_page.curves_table(stages)  # slow: its memory does not grow
    assert scaling_page.draw(stages) == scaling_page.draw(stages)


def test_the_committed_page_is_what_the_committed_file_says() -> None:
    results = ROOT / "benchmarks/results/scaling.csv"
    text = (ROOT / scaling_page.PAGE).read_text(encoding="utf-8")
    frame = pd.read_csv(results)
    assert scaling_page.render(text, scaling_page.read(results), frame) == text

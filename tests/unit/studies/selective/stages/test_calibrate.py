from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from advlearn.data.store import load_split
from advlearn.settings.network import TrainingSettings
from advlearn.studies.selective.settings.calibrate import CalibrateSettings
from advlearn.studies.selective.stages.calibrate import calibrate
from advlearn.support.io import read_csv
from advlearn.training import calibration, stack
from tests.helpers.tiny import TinyRun

QUANTITIES = {
    "classic_clean", "classic_fgsm", "classic_pgd", "at_clean", "at_fgsm", "at_pgd",
}  # fmt: skip
SETTINGS: dict[str, Any] = {
    "training": TrainingSettings(epochs=3, batch_size=32, learning_rate=0.01),
    "epsilons": (0.05, 0.3),
    "pgd_steps": 3,
    "schedules": ("interleaved", "adversarial_only"),
    "craftings": ("static",),
}


def test_every_combination_has_the_six_published_quantities(tiny: TinyRun, tmp_path: Path) -> None:
    settings = CalibrateSettings(models=(tiny.model,), **SETTINGS)
    for name in ("a", "b"):
        calibrate(
            data=tiny.data, settings=settings, seed=0, out=tmp_path / f"{name}.csv", device="cpu"
        )
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    frame = read_csv(tmp_path / "a.csv")
    choices = ["model", "epsilon", "pgd_step", "schedule", "start", "crafting", "protocol"]
    groups = frame.groupby(choices)["quantity"].agg(set)
    assert len(groups) == 2 * 2 * 2 * 2 * 1 * 2
    assert all(found == QUANTITIES for found in groups)
    assert frame["value"].between(0, 1).all()
    clean = frame[frame["quantity"] == "classic_clean"]["value"]
    assert clean.nunique() == 1
    whitebox = frame[(frame["quantity"] == "classic_fgsm") & (frame["protocol"] == "whitebox")]
    by_epsilon = whitebox.groupby("epsilon")["value"].first()
    assert by_epsilon[0.3] < by_epsilon[0.05]


@pytest.mark.parametrize("random_start", [False, True])
def test_side_by_side_as_on_a_gpu(
    tiny: TinyRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_start: bool
) -> None:
    """The same shares but for an image or two whose verdict hangs on a rounding."""
    settings = CalibrateSettings(
        models=(tiny.model,),
        training=TrainingSettings(epochs=3, batch_size=32, learning_rate=0.01),
        epsilons=(0.05, 0.2),
        pgd_steps=3,
        pgd_step_sizes=(None, 0.03),
        pgd_random_start=random_start,
        schedules=("interleaved", "mixed"),
        craftings=("static", "online"),
        online_steps=2,
    )

    def run(name: str) -> pd.DataFrame:
        calibrate(
            data=tiny.data, settings=settings, seed=0, out=tmp_path / f"{name}.csv", device="cpu"
        )
        return read_csv(tmp_path / f"{name}.csv")

    alone = run("alone")
    monkeypatch.setattr(calibration, "pays", lambda device, network, images: True)
    # Several stacks of each kind.
    monkeypatch.setattr(stack, "_MEMBERS", 10)
    made: list[int] = []

    def counted(*args: Any) -> Any:
        made.append(len(args[3]))
        return stack.train_stack(*args)

    monkeypatch.setattr(calibration, "train_stack", counted)
    together = run("together")
    # Of 24 static trainings, of 8 online ones by FGSM and of 16 by PGD.
    assert made == [10, 10, 4, 8, 10, 6]
    pd.testing.assert_frame_equal(together.drop(columns="value"), alone.drop(columns="value"))
    n = len(load_split(tiny.data.parent, "validation").labels)
    difference = (together["value"] - alone["value"]).abs()
    assert difference.max() <= 2.5 / n
    assert (difference < 1e-6).mean() > 0.9
    assert alone["value"].nunique() > 10

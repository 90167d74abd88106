from pathlib import Path
from typing import Any

from advlearn.settings.network import TrainingSettings
from advlearn.studies.selective.settings.calibrate import CalibrateSettings
from advlearn.studies.selective.stages.calibrate import calibrate
from advlearn.support.io import read_csv
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

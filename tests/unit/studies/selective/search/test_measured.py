import math
from pathlib import Path
from typing import Any

import pytest
import torch

from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.network import RetrainSettings, TrainingSettings
from advlearn.studies.selective.search import measured as module
from advlearn.studies.selective.search.likelihood import HOPELESS, half_squares
from advlearn.studies.selective.search.measured import Data, Shares, load_data, measure
from advlearn.studies.selective.search.questions import MEASURED
from advlearn.studies.selective.search.stopping import hopeless_after, hopeless_early
from advlearn.studies.selective.settings.jobs import EvaluateJob, EvaluationSettings
from advlearn.studies.selective.settings.universe import UniverseSettings
from advlearn.studies.selective.stages.evaluate import evaluate
from advlearn.support.io import read_csv
from advlearn.training.adversarial import retrain
from tests.helpers.searched import AT_THE_PUBLISHED, PUBLISHED
from tests.helpers.tiny import TinyRun

RETRAININGS = (
    RetrainSettings(batch_size=32),
    RetrainSettings(batch_size=32, adversarial_steps=2, clean_steps=2, start="scratch"),
    RetrainSettings(batch_size=32, schedule="mixed", share=0.5, crafting="online"),
)


def universe_of(tiny: TinyRun, how: RetrainSettings, rate: float = 0.01) -> UniverseSettings:
    return UniverseSettings(
        description="a universe",
        model=tiny.model,
        training=TrainingSettings(epochs=8, batch_size=32, learning_rate=rate),
        attacks={
            "fgsm": FgsmSettings(epsilon=tiny.attack.epsilon),
            "pgd": PgdSettings(epsilon=0.1, steps=3, random_start=False),
        },
        retrain=how,
    )


@pytest.fixture(scope="module")
def data(tiny: TinyRun) -> Data:
    return load_data(tiny.data, 20, torch.device("cpu"))


def never(shares: Shares) -> bool:
    return False


@pytest.mark.parametrize("how", RETRAININGS)
def test_the_study_measures_the_same(
    tiny: TinyRun, data: Data, tmp_path: Path, how: RetrainSettings
) -> None:
    """The numbers of the cell that is retrained with all adversarial images."""
    status, shares = measure(universe_of(tiny, how), data, 0, never)
    assert status == "measured"
    assert list(shares) != []
    assert set(shares) == set(MEASURED)
    tiny.retrain(tmp_path / "retrained.safetensors", how)
    evaluate(
        data=tiny.data,
        weights=tiny.weights,
        adversarial=tiny.outcomes,
        selection=tiny.selection,
        retrained=tmp_path / "retrained.safetensors",
        settings=EvaluateJob(
            attack=tiny.attack, evaluation=EvaluationSettings(validation_images=20, sanity_images=5)
        ),
        universe="u",
        attack="fgsm",
        reduction="pca",
        seed=0,
        out=tmp_path / "pca.csv",
        device="cpu",
    )
    frame = read_csv(tmp_path / "pca.csv")
    frame = frame[frame["split"] == "validation"]
    found = frame.set_index(["rule", "protocol", "metric"])["value"]
    assert shares["at_clean"] == found["all", "whitebox", "clean_accuracy"]
    for protocol in ("whitebox", "transfer"):
        adversarial = found["all", protocol, "adversarial_accuracy"]
        assert shares[f"at_fgsm_{protocol}"] == pytest.approx(adversarial)
    assert shares["classic_clean"] == found["classic", "whitebox", "clean_accuracy"]
    classic = found["classic", "whitebox", "adversarial_accuracy"]
    assert shares["classic_fgsm"] == pytest.approx(classic)


def test_only_images_that_are_used_are_crafted(
    tiny: TinyRun, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []

    def kept(*args: Any) -> float:
        seen.append(args[3])
        return retrain(*args)

    monkeypatch.setattr(module, "retrain", kept)
    how = RetrainSettings(batch_size=8, adversarial_steps=3, clean_steps=1)
    assert measure(universe_of(tiny, how), data, 0, never).status == "measured"
    for adversarial in seen:
        made = adversarial.isfinite().flatten(1).all(1)
        assert made.sum() == 24
        assert adversarial[~made].isnan().all()


def test_it_is_left_as_soon_as_it_is_hopeless(tiny: TinyRun, data: Data) -> None:
    asked: list[int] = []

    def after(count: int) -> Any:
        def hopeless(shares: Shares) -> bool:
            asked.append(len(shares))
            return len(shares) >= count

        return hopeless

    how = RetrainSettings(batch_size=32)
    for count, known in ((1, 1), (2, 2), (4, 6)):
        outcome = measure(universe_of(tiny, how), data, 0, after(count))
        assert outcome.status == "stopped"
        assert list(outcome.shares) == sorted(outcome.shares, key=list(outcome.shares).index)
        assert len(outcome.shares) == known
    assert asked == [1, 1, 2, 1, 2, 3, 6]


def test_a_training_that_diverges_fails_alone(tiny: TinyRun, data: Data) -> None:
    how = RetrainSettings(batch_size=32)
    universe = universe_of(tiny, how)
    training = universe.training.model_copy(update={"optimiser": "sgd", "learning_rate": 1e38})
    broken = universe.model_copy(update={"training": training})
    outcome = measure(broken, data, 0, never)
    assert outcome.status == "failed"
    assert outcome.shares == {}
    assert measure(universe, data, 0, never).status == "measured"


def test_a_short_training_ends_early(tiny: TinyRun, data: Data) -> None:
    how = RetrainSettings(batch_size=32)
    short = universe_of(tiny, how)
    short = short.model_copy(update={"training": short.training.model_copy(update={"epochs": 2})})
    assert measure(universe_of(tiny, how), data, 0, never, 2) == measure(short, data, 0, never)
    assert measure(short, data, 0, never, 5) == measure(short, data, 0, never)


def test_a_look_after_one_epoch_changes_nothing_but_where_it_says_no(
    tiny: TinyRun, data: Data
) -> None:
    how = RetrainSettings(batch_size=32)
    universe = universe_of(tiny, how)
    training = universe.training.model_copy(update={"epochs": 2})
    universe = universe.model_copy(
        update={"training": training, "model": universe.model.model_copy(update={"dropout": 0.5})}
    )
    asked: list[float] = []

    def looked(answer: bool) -> Any:
        def hopeless(fgsm: float) -> bool:
            asked.append(fgsm)
            return answer

        return hopeless

    whole = measure(universe, data, 0, never)
    assert measure(universe, data, 0, never, None, looked(False)) == whole
    assert measure(universe, data, 0, never, None, looked(True)) == ("stopped", {})
    assert asked[0] == asked[1]
    # One epoch alone is the whole training.
    assert measure(universe, data, 0, never, 1, looked(True)) == measure(
        universe, data, 0, never, 1
    )
    assert len(asked) == 2


def test_hopeless_early_is_far_below_the_published_share() -> None:
    hopeless = hopeless_early(PUBLISHED, 2000)
    assert hopeless(0.0)
    assert hopeless(0.005)
    assert not hopeless(0.02)
    assert not hopeless(PUBLISHED["classic_fgsm"])
    assert not hopeless(0.9)


def test_hopeless_is_what_no_perfect_fit_of_the_rest_can_mend() -> None:
    hopeless = hopeless_after([], PUBLISHED, 2000)
    at = {name: PUBLISHED[name] for name in ("classic_clean", "classic_fgsm", "classic_pgd")}
    assert not hopeless(at)
    assert not hopeless({"classic_clean": 0.94})
    assert hopeless({"classic_clean": 0.5})
    # Both protocols must be hopeless.
    near = {**at, "at_clean": 0.97, "at_fgsm_transfer": 0.3, "at_fgsm_whitebox": 0.001}
    assert not hopeless(near)
    assert hopeless({**near, "at_fgsm_transfer": 0.999})


def test_the_mean_over_seeds_decides() -> None:
    seeds = [AT_THE_PUBLISHED | {"classic_fgsm": share} for share in (0.3, 0.3)]
    # Half an image stands for none.
    values = [math.log(share / (1 - share)) for share in (0.3, 0.3, 0.5 / 2000)]
    own = half_squares({"classic_fgsm": sum(values) / 3}, PUBLISHED, 2000, 3)
    assert own < HOPELESS
    assert not hopeless_after(seeds, PUBLISHED, 2000)({"classic_fgsm": 0.0})
    assert hopeless_after([], PUBLISHED, 2000)({"classic_fgsm": 0.0})
    values = [math.log(share / (1 - share)) for share in (0.001, 0.001, 0.5 / 2000)]
    assert half_squares({"classic_fgsm": sum(values) / 3}, PUBLISHED, 2000, 3) > HOPELESS
    low = [AT_THE_PUBLISHED | {"classic_fgsm": 0.001} for _ in range(2)]
    assert hopeless_after(low, PUBLISHED, 2000)({"classic_fgsm": 0.0})

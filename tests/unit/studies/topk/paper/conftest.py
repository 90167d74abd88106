"""Made-up runs of study 2 of known structure."""

from __future__ import annotations

import pytest

from advlearn.studies.topk.paper.run import TopkTidy
from tests.helpers.topk_run import open_topk, write_topk

NAMES = tuple("aeroplane bicycle bird boat bottle bus car cat chair cow diningtable".split())


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> TopkTidy:
    """Three seeds, three models, all methods, a choice of labels without an eligible image."""
    return open_topk(write_topk(tmp_path_factory.mktemp("topk") / "tidy"))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> TopkTidy:
    """The least a run can have: one seed, one model, two methods; colour images."""
    folder = write_topk(
        tmp_path_factory.mktemp("small") / "tidy",
        seeds=[4],
        models=["cnn"],
        methods=["tkmia", "kfool"],
        ks=[2],
        n_specified=[1],
        sets=["household"],
        images=12,
        shape=(3, 24, 24),
        class_names=NAMES,
    )
    return open_topk(folder)


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> TopkTidy:
    """Names of users: long ones, and classes whose names are marks in one output or another."""
    classes = [
        "5$%$", "$x_$ y", "$", "$$", "{0} %s", "=1+1", "-a|b*_`<b>", "new\nline\t\r", "猫 🐈",
        "שלום", "\\frac{1}{2}",
    ]  # fmt: skip
    folder = write_topk(
        tmp_path_factory.mktemp("named") / "tidy",
        models=["a_long_name_of_a_model_" * 9, "猫" * 100],
        sets=["a_long_name_of_labels_" * 9, "household"],
        class_names=classes,
    )
    return open_topk(folder)

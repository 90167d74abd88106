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

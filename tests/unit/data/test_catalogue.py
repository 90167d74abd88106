from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from advlearn.data import catalogue
from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.support.errors import UserError


def test_known_data_sets() -> None:
    assert set(catalogue.datasets()) == {"mnist", "fashion-mnist", "cifar10", "digits", "arrays"}
    for name in catalogue.datasets():
        catalogue.check_known(name)


def test_unknown_data_set_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match="unknown data set 'mnits'") as caught:
        catalogue.check_known("mnits")
    assert "arrays, cifar10, digits, fashion-mnist, mnist" in caught.value.remedy
    assert "data.dataset" in caught.value.where


def test_every_file_has_a_digest_a_size_and_sources() -> None:
    for dataset in catalogue.datasets().values():
        for file in dataset.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert file.official
            assert file.packages
            assert all(re.match(r"https?://", address) for address in file.official)
    digests = [file.sha256 for d in catalogue.datasets().values() for file in d.files]
    assert len(set(digests)) == len(digests) == 14


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_sizes_follow_from_shape_and_counts(name: str) -> None:
    dataset = catalogue.get(name)
    pixels = dataset.shape[0] * dataset.shape[1] * dataset.shape[2]
    bytes_of = {
        "train_images": 16 + dataset.n_train * pixels,
        "train_labels": 8 + dataset.n_train,
        "test_images": 16 + dataset.n_test * pixels,
        "test_labels": 8 + dataset.n_test,
        "train": dataset.n_train // 5 * (1 + pixels),
        "test": dataset.n_test * (1 + pixels),
    }
    assert dataset.files
    for file in dataset.files:
        assert file.size == bytes_of[file.role]


def test_settings_that_fit_pass() -> None:
    catalogue.check_settings(DataSettings(train_images=55000), SourceSettings())
    catalogue.check_settings(
        DataSettings(dataset="digits", validation_images=100), SourceSettings()
    )


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"train_images": 55001}, "data.train_images"),
        ({"validation_images": 60000}, "data.validation_images"),
        ({"test_images": 10001}, "data.test_images"),
        ({"dataset": "digits"}, "data.validation_images"),
        ({"dataset": "nothing"}, "data.dataset"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, object], key: str) -> None:
    with pytest.raises(UserError) as caught:
        catalogue.check_settings(DataSettings.model_validate(settings), SourceSettings())
    assert key in caught.value.where


def test_root_is_looked_for_before_any_job(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        catalogue.check_settings(DataSettings(), SourceSettings(root=tmp_path / "no"))
    arrays = DataSettings(dataset="arrays")
    for root in (None, tmp_path):
        with pytest.raises(UserError, match=r"\.npz"):
            catalogue.check_settings(arrays, SourceSettings(root=root))
    (tmp_path / "own.npz").touch()
    catalogue.check_settings(arrays, SourceSettings(root=tmp_path / "own.npz"))


@pytest.mark.parametrize("table", ["datasets.csv", "dataset_files.csv"])
def test_a_row_that_is_given_twice(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = catalogue._rows

    def with_one_again(name: str) -> Iterator[dict[str, str]]:
        listed = list(rows(name))
        yield from listed
        if name == table:
            yield listed[0]

    monkeypatch.setattr(catalogue, "_rows", with_one_again)
    with pytest.raises(UserError, match="is given twice") as caught:
        catalogue.datasets.__wrapped__()
    assert table in caught.value.where

from __future__ import annotations

from advlearn.report import sections


def test_record_is_flattened() -> None:
    _, rows = sections.record_rows(
        {"versions": {"torch": None}, "seeds": [0, 1], "jobs": [{"stage": "craft"}], "run": "demo"}
    )
    assert rows == [
        ["versions.torch", "–"],
        ["seeds", "0, 1"],
        ["jobs.0.stage", "craft"],
        ["run", "demo"],
    ]


def test_shared_images_are_a_sentence_or_nothing() -> None:
    assert sections.shared_images({}) == ""
    shared = {"train and test": 1200, "validation and test": 1}
    assert sections.shared_images(shared, "photos") == (
        "Two splits share photos, byte for byte: 1,200 of the test split in the train split,"
        " 1 of the test split in the validation split."
    )

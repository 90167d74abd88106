import pandas as pd
import pytest

from advlearn.support.choices import choices_table

COLUMNS = ["key", "question", "paper", "source"]


def value(key: str, settings: dict[str, object]) -> str:
    questions = pd.DataFrame([(key, "which", "nothing", "section 1")], columns=COLUMNS)
    (found,) = choices_table(questions, {"u": settings})["value"]
    return str(found)


def test_a_row_for_each_question_and_scope_in_this_order() -> None:
    questions = pd.DataFrame(
        [("x.k", "size", "2", "abstract"), ("x.alpha", "weight", "none", "code")], columns=COLUMNS
    )
    found = choices_table(questions, {"a": {"k": 2, "alpha": 0.1}, "b": {"k": 3}})
    assert list(found) == ["key", "question", "paper", "value", "source", "universe"]
    assert found.to_numpy().tolist() == [
        ["x.k", "size", "2", "2", "abstract", "a"],
        ["x.k", "size", "2", "3", "abstract", "b"],
        ["x.alpha", "weight", "none", "0.1", "code", "a"],
        ["x.alpha", "weight", "none", "not a setting", "code", "b"],
    ]


@pytest.mark.parametrize(
    ("key", "settings", "expected"),
    [
        ("topk.attack.alpha", {"attack": {"alpha": 1e-4}}, "0.0001"),
        ("topk.seeds", {"seeds": None}, "null"),
        ("topk.k", {"k": [2, 3]}, "2 3"),
        ("topk.radii", {"radii": (0.5, None)}, "0.5 null"),
        ("topk.focus", {"focus": {"k": 3, "n": [1, 2]}}, "k=3, n=1 2"),
        ("topk.augment", {"augment": False}, "False"),
        ("topk.attack.alpha", {"attack": None}, "not a setting"),
        ("topk.attack.alpha.more", {"attack": {"alpha": 1}}, "not a setting"),
        # The first part names the study; the settings are already those of the study.
        ("topk.topk.k", {"k": 2}, "not a setting"),
        ("k", {"k": 2}, "not a setting"),
    ],
)
def test_values_are_looked_up_and_written_short(
    key: str, settings: dict[str, object], expected: str
) -> None:
    assert value(key, settings) == expected

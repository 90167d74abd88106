from __future__ import annotations

import pandas as pd
import pytest

from advlearn.tidy.schema import (
    BOOL,
    CORRELATION,
    FLAG,
    NOT_NEGATIVE,
    NUMBER,
    SHARE,
    TEXT,
    Column,
    TableSchema,
    columns,
)


def test_columns_say_their_kind_or_have_the_common_one() -> None:
    assert columns("a b:text c:>=0 d:>=1") == {
        "a": NUMBER,
        "b": TEXT,
        "c": NOT_NEGATIVE,
        "d": Column(low=1.0),
    }
    assert columns("a:flag b:bool c:share d:corr") == {
        "a": FLAG,
        "b": BOOL,
        "c": SHARE,
        "d": CORRELATION,
    }
    assert columns("a b:flag", TEXT) == {"a": TEXT, "b": FLAG}
    with pytest.raises(KeyError):
        columns("a:number_of_things")


def test_a_table_is_written_in_the_order_of_its_schema() -> None:
    schema = TableSchema(columns("a b c"), optional=["b"])
    frame = pd.DataFrame({"further": [0], "c": [1], "a": [2]})
    assert list(schema.written(frame)) == ["a", "c", "further"]
    assert list(schema.written(frame.assign(b=3))) == ["a", "b", "c", "further"]
    with pytest.raises(ValueError, match="columns of the schema are missing: c"):
        schema.written(frame.drop(columns="c"))

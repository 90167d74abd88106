from pathlib import Path

import pytest

from advlearn.stages.summary import summary
from advlearn.support.errors import UserError


def test_unfinished_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not finished") as caught:
        summary(run=tmp_path)
    assert "make demo" in caught.value.remedy

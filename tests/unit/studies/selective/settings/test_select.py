import pytest

from advlearn.selection.rules import CLUSTER_RULES
from advlearn.studies.selective.settings.select import SelectSettings
from advlearn.support.errors import UserError


def test_default_runs_every_rule_there_is() -> None:
    """But nearest, which tests one claim and costs a retraining a setting."""
    assert SelectSettings().rules == list(CLUSTER_RULES)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"rules": []}', "rules"),
        ('{"rules": ["best"]}', "rules.0"),
        ('{"rules": ["random", "random"]}', "'random' is given twice"),
        ('{"rule_n_clusters": []}', "rule_n_clusters"),
        ('{"every_n_clusters": [0]}', "every_n_clusters.0"),
        ('{"missing_class": "ignore"}', "missing_class"),
    ],
)
def test_wrong_value_is_named(text: str, key: str) -> None:
    with pytest.raises(UserError) as error:
        SelectSettings.from_json(text)
    assert key in str(error.value)

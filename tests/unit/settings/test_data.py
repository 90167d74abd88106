from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.support.errors import UserError


@pytest.mark.parametrize("model", [DataSettings, SourceSettings])
def test_every_field_is_described_and_survives_json(
    model: type[DataSettings] | type[SourceSettings],
) -> None:
    assert all(field.description for field in model.model_fields.values())
    assert model.from_json(model().to_json()) == model()


@pytest.mark.parametrize(
    ("model", "text", "key"),
    [
        (DataSettings, '{"validation_images": 0}', "validation_images"),
        (DataSettings, '{"train_images": 0}', "train_images"),
        (DataSettings, '{"test_images": -1}', "test_images"),
        (DataSettings, '{"split_seed": -1}', "split_seed"),
        (DataSettings, '{"data_set": "mnist"}', "unknown key"),
        (SourceSettings, '{"timeout_s": 0}', "timeout_s"),
        (SourceSettings, '{"timeout_s": 601}', "timeout_s"),
        (SourceSettings, '{"sources": []}', "sources"),
        (SourceSettings, '{"sources": ["ftp"]}', "sources"),
        (SourceSettings, '{"sources": ["official", "official"]}', "given twice"),
        (SourceSettings, '{"root": "/x", "sources": ["official"]}', "'mirror' is not among them"),
        (SourceSettings, '{"mirror": "/x", "sources": ["package"]}', "'mirror' is not among them"),
    ],
)
def test_wrong_values_are_named(
    model: type[DataSettings] | type[SourceSettings], text: str, key: str
) -> None:
    with pytest.raises(UserError, match=key):
        model.from_json(text)


def test_sources_keep_their_order() -> None:
    settings = SourceSettings.from_json('{"sources": ["package", "mirror"], "root": "/x"}')
    assert settings.sources == ("package", "mirror")
    assert settings.root == Path("/x")


def test_the_page_on_own_data_shows_the_defaults() -> None:
    page = Path(__file__).parents[3] / "docs" / "own-data.md"
    first = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    shown = yaml.safe_load(first)
    assert set(shown) == {"data", "sources"}
    assert DataSettings.model_validate(shown["data"]) == DataSettings()
    assert SourceSettings.model_validate(shown["sources"]) == SourceSettings()
    assert set(shown["data"]) == set(DataSettings.model_fields)
    assert set(shown["sources"]) == set(SourceSettings.model_fields)

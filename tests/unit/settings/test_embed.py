import json

import pytest

from advlearn.settings.embed import REDUCTIONS, EmbedSettings
from advlearn.support.errors import UserError


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"n_components": 0}', "n_components"),
        ('{"n_components": 4}', "n_components"),
        ('{"tsne": {"perplexity": 0.5}}', "tsne.perplexity"),
        ('{"tsne": {"initial_pca": 1}}', "tsne.initial_pca"),
        ('{"tsne": {"learning_rate": 0}}', "tsne.learning_rate"),
        ('{"tsne": {"threads": 0}}', "tsne.threads"),
        ('{"perplexity": 30}', "perplexity"),
    ],
)
def test_wrong_value_is_named(text: str, key: str) -> None:
    with pytest.raises(UserError) as error:
        EmbedSettings.from_json(text)
    assert key in str(error.value)


def test_job_json_holds_what_can_change_its_result() -> None:
    settings = EmbedSettings()
    assert json.loads(settings.json_for("none")) == {}
    assert set(json.loads(settings.json_for("pca"))) == {"n_components", "pca_threads"}
    assert set(json.loads(settings.json_for("tsne"))) == {"n_components", "tsne"}
    for reduction in REDUCTIONS:
        assert EmbedSettings.from_json(settings.json_for(reduction)) == settings


def test_no_reduction_waits_for_a_second_core() -> None:
    # Beside many jobs of one core two are hardly ever free at once.
    assert EmbedSettings().tsne.threads == EmbedSettings().pca_threads == 1


def test_json_for_unknown_reduction() -> None:
    with pytest.raises(UserError, match="unknown reduction 'umap'"):
        EmbedSettings().json_for("umap")


def test_perplexity_bound_is_exact() -> None:
    settings = EmbedSettings.model_validate({"tsne": {"perplexity": 10}})
    settings.check_images("tsne", 31)
    settings.check_images("pca", 3)
    with pytest.raises(UserError, match="perplexity of 10") as error:
        settings.check_images("tsne", 30)
    assert "embed.tsne.perplexity" in error.value.where

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from advlearn.settings.network import (
    AnyNetworkSettings,
    ImagenetResnetSettings,
    NetworkSettings,
    ResnetSettings,
    TorchvisionSettings,
    VitSettings,
    network_settings,
)
from advlearn.studies.topk.settings.jobs import TopkModelSettings
from advlearn.support.errors import UserError


@pytest.mark.parametrize(
    "settings",
    [
        NetworkSettings(),
        NetworkSettings(name="cnn", channels=(3,)),
        NetworkSettings(name="our_networks:linear"),
        ResnetSettings(widths=(4, 8), blocks=2),
        VitSettings(depth=1),
        ImagenetResnetSettings(name="resnet50"),
        ImagenetResnetSettings(name="resnet101", weights=Path("weights.pth"), stride_in_1x1=True),
        ImagenetResnetSettings(name="resnet50", weights=None),
        TorchvisionSettings(name="convnext_tiny", weights=Path("weights.pth"), input_size=96),
        TorchvisionSettings(name="vit_b_16"),
    ],
)
def test_the_name_decides_and_json_comes_back(settings: AnyNetworkSettings) -> None:
    assert network_settings(settings.model_dump(mode="json")) == settings
    job = TopkModelSettings(network=settings)
    again = TopkModelSettings.from_json(job.to_json())
    assert again == job
    assert type(again.network) is type(settings)


def test_without_a_name_it_is_the_perceptron() -> None:
    assert network_settings({"hidden": [3]}) == NetworkSettings(hidden=(3,))


def test_imagenet_is_a_word_and_anything_else_a_path() -> None:
    read = network_settings({"name": "resnet50", "weights": "imagenet"})
    assert isinstance(read, ImagenetResnetSettings)
    assert read.weights == "imagenet"
    assert isinstance(read.weights, str)
    other = network_settings({"name": "resnet50", "weights": "a.pth"})
    assert isinstance(other, ImagenetResnetSettings)
    assert other.weights == Path("a.pth")


@pytest.mark.parametrize("name", ["resnt", 3, None])
def test_an_unknown_network_lists_the_known_ones(name: object) -> None:
    with pytest.raises(ValidationError, match=r"mlp, mobilenet_v3_large, .*resnet50, vit, vit_b_"):
        network_settings({"name": name})


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"name": "resnet", "hidden": [3]}, "hidden: unknown key"),
        ({"name": "resnet", "widths": []}, "widths"),
        ({"name": "resnet", "widths": [4, 0]}, "widths.1"),
        ({"name": "vit", "width": 10, "heads": 4}, "a multiple of heads"),
        ({"name": "vit", "patch": 6}, "a power of 2"),
        ({"name": "cnn", "patch": 2}, "patch: unknown key"),
    ],
)
def test_only_its_own_keys_and_true_values(value: dict[str, object], named: str) -> None:
    with pytest.raises(UserError, match="the configuration is not valid") as caught:
        TopkModelSettings.from_json(json.dumps({"network": value}))
    assert named in str(caught.value)


def test_a_head_on_fixed_features_sees_no_augmented_images() -> None:
    with pytest.raises(UserError, match="augment: needs 'trainable: all'"):
        TopkModelSettings.from_json(
            '{"network": {"name": "vit"}, "training": {"trainable": "head", "augment": true}}'
        )

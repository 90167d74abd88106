"""Names that installed packages register stand for their functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.settings.attack import attack_from_json
from advlearn.settings.cluster import OwnClusterer
from advlearn.settings.embed import OwnReduction
from advlearn.settings.network import NetworkSettings
from advlearn.settings.topk import OwnTopkMethod
from advlearn.studies.selective.settings.select import OwnRule
from advlearn.support.errors import UserError
from advlearn.support.own import build_own, load_own, registered

GROUPS = ("attacks", "models", "clusterers", "reductions", "selection_rules", "topk_methods")


@pytest.fixture
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with one name in each group."""
    info = tmp_path / "mylab-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mylab\nVersion: 1\n")
    text = "".join(f"[advlearn.{group}]\nnew = mylab.{group}:new\n" for group in GROUPS)
    (info / "entry_points.txt").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("_package")
def test_settings_have_the_function_behind_a_registered_name() -> None:
    assert str(attack_from_json('{"name": "new"}').name) == "mylab.attacks:new"
    assert NetworkSettings(name="new").name == "mylab.models:new"
    assert OwnClusterer(function="new").function == "mylab.clusterers:new"
    assert OwnReduction(function="new").function == "mylab.reductions:new"
    assert OwnRule(function="new").function == "mylab.selection_rules:new"
    assert OwnTopkMethod(function="new").function == "mylab.topk_methods:new"


def test_a_name_that_nobody_registers_is_refused() -> None:
    with pytest.raises(UserError, match="unknown attack 'new'"):
        attack_from_json('{"name": "new"}')
    with pytest.raises(ValueError, match="unknown model 'new'"):
        NetworkSettings(name="new")
    with pytest.raises(ValueError, match="pattern"):
        OwnReduction(function="new")


def test_functions_are_found_and_others_named() -> None:
    assert registered("os.path:join", "attacks") == "os.path:join"
    assert load_own("posixpath:join", "model", "key 'x'")("a", "b") == "a/b"
    for name in ("posixpath:none", "nowhere.deep:x"):
        with pytest.raises(UserError, match=f"cannot load the model '{name}'"):
            load_own(name, "model", "key 'x'")


def test_what_a_function_builds_is_an_object_made_of_its_settings() -> None:
    settings = {"steps": [1, 2]}
    built = build_own("builtins:dict", "method", "key 'x'", settings)
    assert built == settings
    built["steps"].append(3)
    assert settings == {"steps": [1, 2]}
    with pytest.raises(UserError, match="the method 'builtins:type' is the class dict") as caught:
        build_own("builtins:type", "method", "key 'x'", settings)
    assert caught.value.where == "key 'x'"
    with pytest.raises(UserError, match="cannot be built: TypeError") as caught:
        build_own("builtins:float", "method", "key 'x'", settings)
    assert caught.value.where == "key 'x', settings {'steps': [1, 2]}"

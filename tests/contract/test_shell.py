"""No value of a configuration is ever read by a shell: it is refused, or handed over whole."""

from __future__ import annotations

import copy
import re
import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from snakemake.utils import format as formatted

from advlearn.plan import Plan
from advlearn.support.errors import UserError
from tests.helpers.configuration import merged

ROOT = Path(__file__).parents[2]
FLAG = "--include-single"
PLAIN = set(
    "seed torch_threads device reduction universe attack model study dataset gpu_share".split()
)
"""Values without ``:q``: numbers, values of a fixed list, and names that the settings check."""
HOSTILE = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"])
    | st.sampled_from("$`\"'\\;|&<>(){}[]*?~#! \t\n-=%:,"),
    min_size=1,
    max_size=12,
)
WORST = (
    "$(touch pwned)", "`touch pwned`", "; touch pwned #", "' touch pwned '", "a b", "$HOME", "!!",
    '" & touch pwned & "', "a\ntouch pwned\n", "--help", "-", "{input}", "{{x}}", "~", "*", "../up",
)  # fmt: skip


@pytest.fixture(scope="module")
def commands(rules: dict[str, Any]) -> dict[str, str]:
    return {name: rule.shellcmd for name, rule in rules.items() if rule.shellcmd}


class Values(list[object]):
    """Stands for input, output or log: every name in it is the same value."""

    def __init__(self, value: object) -> None:
        super().__init__(value if isinstance(value, list) else [value])
        self.value = value

    def __getattr__(self, name: str) -> object:
        return self.value


class Params(Values):
    """The same, but for the parameters that are plain."""

    def __getattr__(self, name: str) -> object:
        return {"no_clustering": FLAG}.get(name, "plain" if name in PLAIN else self.value)


def expected(template: str, value: object) -> list[str]:
    """What the stage and tee have to be given, one word after the other."""
    whole = [str(each) for each in (value if isinstance(value, list) else [value])]
    words: list[str] = []
    given = shlex.split(template)
    for word in given[given.index("python") + 1 :]:
        used = re.fullmatch(r"\{(.*?)(?::q)?\}", word)
        if not used:
            words.append(word)
        elif used[1] == "threads" or used[1].removeprefix("params.") in PLAIN:
            words.append("plain")
        else:
            words += [FLAG] if used[1] == "params.no_clustering" else whole
    end = words.index("2>&1")
    assert words[end + 1 : end + 3] == ["|", "tee"]
    return [*words[:end], "tee", *words[end + 3 :]]


SCRIPT = """set -euo pipefail
python() { printf '%s\\0' "$@"; }
tee() { cat; printf '%s\\0' tee "$@"; }
"""


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(value=HOSTILE | st.lists(HOSTILE, min_size=2, max_size=3))
@example(value=list(WORST))
def test_a_shell_hands_every_value_to_its_stage_whole(
    value: object, commands: dict[str, str], tmp_path: Path
) -> None:
    assert len(commands) > 25
    words: list[str] = []
    script = [SCRIPT]
    for template in commands.values():
        names = dict.fromkeys(("input", "output", "log"), Values(value))
        plain = {"threads": "plain", "resources": Values("plain")}
        script.append(formatted(template, params=Params(value), **plain, **names))
        words += expected(template, value)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    handed = done.stdout.decode().split("\0")[:-1]
    # Not compared as lists: hundreds of words would be shown.
    wrong = [pair for pair in zip(handed, words, strict=False) if pair[0] != pair[1]]
    assert not wrong[:1]
    assert len(handed) == len(words)
    assert not list(tmp_path.iterdir())


def test_what_is_not_quoted_is_known_to_be_plain(commands: dict[str, str]) -> None:
    for rule, template in commands.items():
        for used in re.findall(r"\{([^}]*)\}", template):
            name = used.removeprefix("params.").removeprefix("resources.")
            assert used.endswith(":q") or name in PLAIN | {"no_clustering", "threads"}, (rule, used)
        assert "$(" not in template, rule
        assert "`" not in template, rule


def base() -> dict[str, Any]:
    values: dict[str, Any] = {}
    for file in ("config.yaml", "smoke.yaml"):
        values = merged(values, yaml.safe_load((ROOT / "config" / file).read_text()))
    return values


BASE = base()


def renamed(where: str, name: str) -> dict[str, Any]:
    """The smoke configuration with one of its names replaced throughout."""
    values = copy.deepcopy(BASE)
    selective, topk, bilevel = (values[study] for study in ("selective", "topk", "bilevel"))
    if where == "run":
        values["run"] = name
    elif where == "universe":
        selective["universes"] = {name: selective["universes"]["small"]}
        selective["primary"] = name
        for block in selective["grid"]:
            block["universes"] = [name]
    elif where == "attack":
        attacks = selective["universes"]["small"]["attacks"]
        attacks[name] = attacks.pop("fgsm")
        for block in selective["grid"]:
            block["attacks"] = [name if each == "fgsm" else each for each in block["attacks"]]
    elif where == "clusterer":
        selective["cluster"]["own"] = {name: {"function": "json:loads"}}
        selective["grid"][0]["clusterers"] = [name]
    elif where == "model":
        topk["models"] = {name: topk["models"]["resnet"]}
        topk["primary"] = name
    elif where == "label set":
        topk["label_sets"] = {name: [1, 2]}
    elif where == "data set":
        bilevel["datasets"] = {name: bilevel["datasets"]["blobs"]}
        bilevel["experiments"] = {}
    elif where == "device":
        values["device"] = name
    return values


PLACES = ("run", "universe", "attack", "clusterer", "model", "device", "label set", "data set")


@pytest.mark.parametrize("where", PLACES)
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(name=HOSTILE)
@example(name="$(touch pwned)")
@example(name="--help")
@example(name="a\n")
@example(name="..")
@example(name="a/b")
def test_a_name_is_refused_or_plain(where: str, name: str) -> None:
    try:
        plan = Plan(renamed(where, name), [], ROOT / "requirements.txt")
    except UserError:
        return
    assert re.fullmatch(r"\w[\w.-]*", name), f"{name!r} was taken"
    assert plan.run_folder in (f"results/{name}", "results/smoke")


@pytest.mark.parametrize("where", PLACES)
def test_a_plain_name_is_taken(where: str) -> None:
    name = "cuda" if where == "device" else "mine_2"
    Plan(renamed(where, name), [], ROOT / "requirements.txt")


def test_braces_in_the_name_of_an_own_file_are_refused_in_words(tmp_path: Path) -> None:
    table = {"name": "csv", "path": str(tmp_path / "{my} points.csv")}
    values = renamed("data set", "mine")
    values["bilevel"]["datasets"] = {"mine": table}
    plan = Plan(values, [], ROOT / "requirements.txt")
    with pytest.raises(UserError, match="wildcards") as caught:
        plan.study("bilevel").own(SimpleNamespace(dataset="mine"))
    assert "bilevel.datasets.mine.path" in caught.value.where
    values["bilevel"]["datasets"]["mine"]["path"] = str(tmp_path / "my 'own' $points.csv")
    plan = Plan(values, [], ROOT / "requirements.txt")
    assert plan.study("bilevel").own(SimpleNamespace(dataset="mine")) == [
        str(tmp_path / "my 'own' $points.csv")
    ]

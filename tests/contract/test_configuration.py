"""The page of configuration keys and the schema say what the settings say."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import Field
from snakemake.utils import update_config

from advlearn.config import Config, load_file
from advlearn.settings.base import Settings
from advlearn.settings.topk import PRESETS
from scripts import configuration

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "config").glob("*.yaml")) + sorted(
    (ROOT / "config/scenarios").glob("*.yaml")
)

# Groups of settings, whose keys are described one by one, and three lists of names. To be emptied.
NOT_YET_DESCRIBED = {
    "Config.sources", "Config.data",
    "SelectiveSettings.embed", "SelectiveSettings.cluster", "SelectiveSettings.select",
    "SelectiveSettings.evaluate", "SelectiveSettings.calibrate", "UniverseSettings.model",
    "UniverseSettings.training", "UniverseSettings.retrain",
}  # fmt: skip


# Mappings by a name of the user's choice, and what stands for the name on the page.
NAMED = {
    "selective.universes": "NAME",
    "selective.universes.NAME.attacks": "ATTACK",
    "selective.universes.NAME.sets": "SET",
    "selective.cluster.own": "NAME",
    "topk.models": "NAME",
    "topk.label_sets": "NAME",
    "topk.by_method": "METHOD",
    "bilevel.datasets": "NAME",
}


def full_run() -> dict[str, Any]:
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    assert isinstance(values, dict)
    return values


def test_page_and_schema_are_what_the_script_writes() -> None:
    remedy = "run 'python scripts/configuration.py'"
    assert configuration.TABLE.read_text(encoding="utf-8") == configuration.table_text(), remedy
    assert configuration.SCHEMA.read_text(encoding="utf-8") == configuration.schema_text(), remedy


def test_check_tells_a_page_that_no_longer_fits(tmp_path: Path) -> None:
    for path in ("scripts/configuration.py", "workflow/schemas/config.schema.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    command = [sys.executable, str(tmp_path / "scripts" / "configuration.py")]

    def run(*options: str) -> tuple[int, str]:
        done = subprocess.run(
            [*command, *options],
            check=False,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(ROOT / "src")},
        )
        return done.returncode, done.stderr

    status, said = run("--check")
    assert status == 1
    assert "docs/configuration.md" in said
    assert "config.schema.json" not in said
    assert not (tmp_path / "docs").exists(), "--check writes nothing"
    assert run()[0] == 0
    assert run("--check") == (0, "")
    assert (tmp_path / "docs" / "configuration.md").read_text(
        encoding="utf-8"
    ) == configuration.table_text()


def test_every_key_is_described() -> None:
    assert set(configuration.undescribed(configuration.schema())) <= NOT_YET_DESCRIBED


def test_a_key_without_description_is_found() -> None:
    class Inner(Settings):
        plain: int = 1

    class Outer(Settings):
        inner: Inner = Inner()
        good: int = Field(1, description="described")

    found = configuration.undescribed(Outer.model_json_schema())
    assert found == ["Config.inner", "Inner.plain"]


def test_the_page_has_a_row_for_every_key_of_the_full_run() -> None:
    rows = set(re.findall(r"^\| `([^`]+)` \|", configuration.table_text(), flags=re.MULTILINE))
    named: set[str] = set()

    def walk(value: Any, path: str) -> None:
        if path in NAMED:
            for entry in value.values():
                walk(entry, f"{path}.{NAMED[path]}")
        elif isinstance(value, dict):
            for key, entry in value.items():
                full = f"{path}.{key}".lstrip(".")
                named.add(full)
                walk(entry, full)
        elif isinstance(value, list):
            for entry in value:
                walk(entry, f"{path}[]")

    walk(full_run(), "")
    assert "selective.universes.NAME.attacks.ATTACK.step_size" in named
    assert "selective.grid[].select.rules" in named
    assert named <= rows


def test_rows_say_type_default_and_range() -> None:
    text = configuration.table_text()
    for row in (
        '| `device` | text | `"auto"` | `auto`, `cpu`, `cuda` |',
        "| `threads` | whole number | `1` | at least 1 |",
        "| `sources.timeout_s` | number | `10.0` | above 0; at most 600 |",
        "| `data.train_images` | whole number or null | `null` | at least 1 |",
        "| `seeds` | list of whole numbers | required | each at least 0; below 1e+18; ",
        "| `selective.embed.tsne.perplexity` | number | `30.0` | 1 to 1,000 |",
        "| `topk.scenes.side` | list of whole numbers | `[16, 24]` | 2 entries |",
        "| `topk.attack.iterations` | whole number | `100` | 1 to 100,000 |",
        "| `topk.models.NAME.network.heads` | whole number | `4` | at least 1 |",
        "| `bilevel.datasets.NAME.noise` | number | `0.05` | at least 0 |",
        "| `bilevel.path.range` | list of numbers | `[0.1, 10000.0]` | 2 entries |",
        "| `bilevel.experiments.attack` | list of texts or null | `null` |  |",
        "| `bilevel.graph.phi` | number | `0.5` | 0 to 1,000 |",
    ):
        assert row in text, row


def test_the_page_says_what_may_be_laid_over_an_attack() -> None:
    text = configuration.table_text()
    for preset in PRESETS:
        assert f"`{preset}`" in text
    # The one line names each value in which the authors' preset differs from the other.
    (line,) = [row for row in text.splitlines() if "defaults are those of `preset: sound`;" in row]
    sound, authors = (PRESETS[name]("tkmia").model_dump() for name in ("sound", "authors"))
    for key, value in authors.items():
        assert (f"{key} {value}" in line) == (value != sound[key]), key
    assert "`topk.by_method.METHOD.alpha`" in text
    for key in ("attack.method", "by_method.METHOD.method", "by_method.METHOD.clean_map"):
        assert f"`topk.{key}`" not in text


def test_every_row_has_as_many_cells_as_its_table() -> None:
    rows = [line for line in configuration.table_text().splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(configuration.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_full_run_fits_the_schema(validator: jsonschema.Draft202012Validator) -> None:
    assert not list(validator.iter_errors(full_run()))


@pytest.mark.parametrize("name", ["mlp", "resnet", "vit", "resnet50", "package.module:function"])
def test_a_network_needs_no_more_than_its_name(
    validator: jsonschema.Draft202012Validator, name: str
) -> None:
    values = full_run()
    values["topk"]["models"]["further"] = {"network": {"name": name}}
    assert not list(validator.iter_errors(values))


def test_a_resolved_configuration_fits_the_schema(
    validator: jsonschema.Draft202012Validator,
) -> None:
    resolved = load_file(ROOT / "config/config.yaml").model_dump(mode="json")
    assert not list(validator.iter_errors(resolved))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("sedes",), [0]),
        (("seeds",), []),
        (("data", "validation_images"), 0),
        (("selective", "universes", "small", "attacks", "fgsm", "epsilon"), -0.1),
        (("selective", "universes", "small", "attacks", "fgsm", "steps"), 5),
        (("selective", "cluster", "kmeans", "n_clusters"), [0]),
        (("topk", "dataset"), "voc"),
        (("topk", "images"), 0),
        (("topk", "focus", "k"), 0),
        (("topk", "methods"), []),
        (("topk", "hidden"), [1.0]),
        (("topk", "scenes", "side"), [8]),
        (("topk", "attack", "learning_rat"), 0.1),
        (("topk", "attack", "method"), "kfool"),
        (("topk", "by_method"), {"kfool": {"iterations": 0}}),
        (("topk", "by_method"), {"kfool": {"clean_map": "tanh_raw"}}),
        (("topk", "label_sets", "loops"), [-1]),
        (("topk", "models", "cnn", "network", "name"), "resnet"),
        (("topk", "models", "cnn", "network", "width"), 64),
        (("topk", "models", "cnn", "training", "epochs"), 0),
        (("bilevel", "datasets", "iris", "name"), "irises"),
        (("bilevel", "datasets", "iris", "noise"), 0.1),
        (("bilevel", "datasets", "digits_1_4", "classes"), [10]),
        (("bilevel", "datasets", "moons", "points"), 0),
        (("bilevel", "graph", "n_neighbors"), 0),
        (("bilevel", "path", "range"), [0, 1]),
        (("bilevel", "path", "gammas"), 1),
        (("bilevel", "seeds"), []),
        (("bilevel", "seed"), 0),
    ],
)
def test_a_wrong_value_does_not_fit_the_schema(
    validator: jsonschema.Draft202012Validator, path: tuple[str, ...], value: Any
) -> None:
    values = copy.deepcopy(full_run())
    group = values
    for key in path[:-1]:
        group = group[key]
    group[path[-1]] = value
    assert list(validator.iter_errors(values))


def test_errors_name_keys_by_their_whole_path() -> None:
    """A key that begins in the middle leaves the reader to find out which of many it is."""
    keys = "|".join(Config.model_fields)
    named = re.compile(rf"configuration (?:keys?|section) '(?!{{key|(?:{keys})\b)[^']*'")
    found = [
        f"{path.name}: {match.group()}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for match in named.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def as_texts(value: Any) -> Any:
    """Values as Snakemake hands mappings and lists of ``--config`` over: whole numbers are text."""
    if isinstance(value, dict):
        return {key: as_texts(part) for key, part in value.items()}
    if isinstance(value, list):
        return [as_texts(part) for part in value]
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_values_of_the_command_line_are_those_of_a_file(path: Path) -> None:
    values = full_run()
    update_config(values, yaml.safe_load(path.read_text(encoding="utf-8")))
    texts = as_texts(values)
    assert texts["seeds"][0] == "0"
    read, written = Config.model_validate(texts), Config.model_validate(values)
    laid_over = {"topk": {"attack", "by_method"}}  # kept as they are, read in attack_of
    assert read.model_dump(exclude=laid_over) == written.model_dump(exclude=laid_over)
    for method in written.topk.methods:
        assert read.topk.attack_of(method) == written.topk.attack_of(method)

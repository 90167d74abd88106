"""Write docs/configuration.md and workflow/schemas/config.schema.json from the typed settings.

    python scripts/configuration.py           write both
    python scripts/configuration.py --check   exit with 1 when one no longer fits the settings

The models of `advlearn.config` are the one source of keys, types, defaults and ranges. The schema
is that of a whole configuration, as config/config.yaml and every results/RUN/config.yaml are.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from advlearn.config import Config
from advlearn.settings.base import NAME_KEY
from advlearn.studies import studies

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "configuration.md"
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.json"

Node = dict[str, Any]

HEADER = """\
# Configuration

Written by scripts/configuration.py from the settings in
src/advlearn/settings and of the studies; edit those, not this page.

`config/config.yaml` holds the full run and is the base of every other configuration: a file given
with `--configfile` names only what differs from it. Mappings are merged key by key, lists are
replaced as a whole. The column *default* says what holds where no file names the key; nearly every
key is named in `config/config.yaml`, and then its value there holds. `required` keys have no
default.

In the keys below, capitals stand for a name of your choice: in
`selective.universes.NAME.model.hidden`, NAME is the name of a universe. Tables and paths use these
names, so they are made of letters, digits and underscores. `[]` stands for each entry of a list:
`selective.grid[].attacks` is the key `attacks` of each block of the grid.

An unknown key, a wrong type or a value outside its range ends a run before its first job. Numbers
are finite: neither `.nan` nor `.inf` is one. The configuration of a finished run, with every
default, is in `results/RUN/config.yaml`. A `null` is written in a file: `--config` passes it on as
text.

The same in a form for editors and other programs: `workflow/schemas/config.schema.json`.
"""

TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
}


def schema() -> Node:
    """The JSON schema of a whole configuration."""
    found: Node = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    found |= Config.model_json_schema()
    found["title"] = "Configuration of advlearn"
    for study in studies():
        study.load(study.settings).complete_schema(found)
    return found


def schema_text() -> str:
    """The schema as it is written to its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def undescribed(whole: Node) -> list[str]:
    """Every ``Model.key`` of the schema that no description explains, the constant names aside."""
    models = {"Config": whole, **whole["$defs"]}
    return [
        f"{model}.{key}"
        for model, node in models.items()
        for key, value in node.get("properties", {}).items()
        if "description" not in value and "const" not in value
    ]


def keys(whole: Node) -> list[str]:
    """Every dotted key, in the order of the page."""
    return [row[0] for _, _, rows in _sections(whole, whole, "") for row in rows]


def table_text() -> str:
    """The page docs/configuration.md."""
    whole = schema()
    parts = [HEADER]
    for title, about, rows in _sections(whole, whole, ""):
        lines = [f"## {title}", "", *([about, ""] if about else [])]
        lines += ["| key | type | default | range | meaning |", "|---|---|---|---|---|"]
        lines += ["| " + " | ".join((f"`{row[0]}`", *row[1:])) + " |" for row in rows]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _sections(
    whole: Node, node: Node, prefix: str, note: str = ""
) -> Iterator[tuple[str, str, list[tuple[str, ...]]]]:
    """Title, introduction and rows of a group of settings, then the same of the groups in it."""
    rows: list[tuple[str, ...]] = []
    inner: list[tuple[Node, str, str]] = []
    for key, value in node["properties"].items():
        path = f"{prefix}{key}"
        groups = list(_groups(whole, value, path))
        inner += groups
        rows.append(
            (
                path,
                _cell(_type(whole, value)),
                _cell(_default(value, key in node.get("required", []), bool(groups))),
                _cell(_range(whole, value)),
                _cell(str(value.get("description", ""))),
            )
        )
    title = f"`{prefix[:-1]}`{note}" if prefix else "Top level"
    # Docstrings are written for programmers: double back quotes, and further paragraphs.
    about = str(node.get("description", "")).replace("``", "`") if prefix else ""
    yield title, about, rows
    for group, path, remark in inner:
        yield from _sections(whole, group, f"{path}.", remark)


def _groups(whole: Node, value: Node, path: str) -> Iterator[tuple[Node, str, str]]:
    """The groups of settings that are the value, an entry of it, or one of its alternatives."""
    if "$ref" in value:
        yield _resolve(whole, value), path, ""
    for alternative in value.get("anyOf", []):
        yield from _groups(whole, alternative, path)
    for alternative in value.get("oneOf", []):
        group = _resolve(whole, alternative)
        yield group, path, f" with {_named(group['properties']['name'])}"
    if isinstance(value.get("items"), dict):
        yield from _groups(whole, value["items"], f"{path}[]")
    if isinstance(value.get("additionalProperties"), dict):
        name = value.get(NAME_KEY, "NAME")
        yield from _groups(whole, value["additionalProperties"], f"{path}.{name}")


def _named(name: Node) -> str:
    """The names that choose an alternative."""
    if "pattern" in name:
        return "`name: package.module:function`"
    fixed = [name["const"]] if "const" in name else name.get("enum", [])
    return " or ".join(f"`name: {each}`" for each in fixed) or "any other `name`, or none"


def _resolve(whole: Node, value: Node) -> Node:
    group: Node = whole["$defs"][value["$ref"].rsplit("/", 1)[1]]
    return group


def _type(whole: Node, value: Node) -> str:
    if "$ref" in value or "oneOf" in value:
        return "settings (below)"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(whole, part) for part in value["anyOf"]))
    if value.get("type") == "array":
        # Of a fixed number of entries each has a schema; ours are alike.
        items: Node = value.get("items") or next(iter(value.get("prefixItems", [])), {})
        return f"list of {_plural(_type(whole, items))}"
    if value.get("type") == "object":
        named = isinstance(value.get("additionalProperties"), dict)
        return "mapping from names" if named else "mapping"
    if value.get("format") == "path":
        return "path"
    return TYPES[value["type"]] if "type" in value else "anything"


def _plural(type_: str) -> str:
    several = {
        "whole number": "whole numbers",
        "number": "numbers",
        "text": "texts",
        "settings (below)": "settings (below)",
    }
    return " or ".join(several.get(part, part) for part in type_.split(" or "))


def _default(value: Node, required: bool, group: bool) -> str:
    if required:
        return "required"
    if group:
        # A group that is left out has the defaults of its keys, one that may be null says so.
        return "`null`" if value.get("default", 0) is None else ""
    return f"`{json.dumps(value['default'], ensure_ascii=False)}`" if "default" in value else ""


def _range(whole: Node, value: Node) -> str:
    found = []
    if "const" in value:
        found.append(f"`{value['const']}`")
    if "enum" in value:
        found.append(", ".join(f"`{choice}`" for choice in value["enum"]))
    least, most = value.get("minimum"), value.get("maximum")
    above, below = value.get("exclusiveMinimum"), value.get("exclusiveMaximum")
    if least is not None and most is not None:
        found.append(f"{_number(least)} to {_number(most)}")
    else:
        found += [f"at least {_number(least)}"] if least is not None else []
        found += [f"above {_number(above)}"] if above is not None else []
        found += [f"at most {_number(most)}"] if most is not None else []
    found += [f"below {_number(below)}"] if below is not None else []
    if "pattern" in value:
        found.append(f"`{value['pattern']}`")
    for part in value.get("anyOf", []):
        found += [text] if (text := _range(whole, part)) else []
    if isinstance(value.get("items"), dict) and (text := _range(whole, value["items"])):
        found.append(f"each {text}" if not text.startswith("`") else text)
    if "minItems" in value or "minProperties" in value:
        count = value.get("minItems", value.get("minProperties"))
        least_or_all = "" if count == value.get("maxItems") else "at least "
        found.append(f"{least_or_all}{count} entr{'y' if count == 1 else 'ies'}")
    return "; ".join(found)


def _number(value: float) -> str:
    return f"{value:,.10g}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Command line."""
    summary = (__doc__ or "").split("\n", 1)[0]
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    wrong = []
    for path, text in ((TABLE, table_text()), (SCHEMA, schema_text())):
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if options.check:
            wrong.append(str(path.relative_to(ROOT)))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if wrong:
        print(
            f"no longer fits the settings: {', '.join(wrong)};"
            " run 'python scripts/configuration.py'",
            file=sys.stderr,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

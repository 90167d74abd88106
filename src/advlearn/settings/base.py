"""The common base of all settings: unknown keys are errors, values do not change after loading."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from advlearn.settings.keys import keys_at
from advlearn.support.errors import UserError, did_you_mean

_Value = TypeVar("_Value")
_Values = TypeVar("_Values", bound=Sequence[Hashable])


class Settings(BaseModel):
    """Base class: strict about keys, finite numbers only, immutable, JSON in and out."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read settings from the JSON text that a rule passes on the command line.

        Raises:
            UserError: the text is no JSON, a key is unknown or a value is wrong.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise validation_error(error, where="option --settings", model=cls) from error

    def to_json(self) -> str:
        """Canonical JSON: the same settings give the same text."""
        return self.model_dump_json()


def _each_once(values: _Values) -> _Values:
    twice = [value for number, value in enumerate(values) if value in values[:number]]
    if twice:
        raise ValueError(f"{twice[0]!r} is given twice")
    return values


_MISSING = ("missing", "union_tag_not_found")

NAME_KEY = "x-name"
"""In ``json_schema_extra``: what stands for a name of the user's choice on the page of keys."""

EachOnce = AfterValidator(_each_once)
"""In ``Annotated``: a list in which no value stands twice; the same work would be done twice."""


def _digits(value: object) -> object:
    # Snakemake hands the lists of ``--config 'seeds=[0, 1]'`` over as text.
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value) else value


Seed = Annotated[int, Field(ge=0, lt=10**18, strict=True), BeforeValidator(_digits)]
"""A seed: a whole number that the columns of tables can hold, and neither ``yes`` nor words."""

Seeds = Annotated[tuple[Seed, ...], EachOnce]
"""Seeds, none of them twice."""


def at_home(path: Path) -> Path:
    """A path whose leading ``~`` or ``~NAME`` stands for a home folder, as in a shell.

    Raises:
        ValueError: nobody has that name.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: there is no such home folder") from error


UserPath = Annotated[Path, AfterValidator(at_home)]
"""A path that a user writes into a configuration: a file or a folder."""


def without_null(named: Any) -> Any:
    """Leave out the names whose value is null, before a mapping is validated.

    A configuration is laid over another one and has no other way to take a name away.
    """
    if not isinstance(named, dict):
        return named
    return {name: value for name, value in named.items() if value is not None}


def plain_values(values: Any, path: str = "") -> Any:
    """Settings of a user's function, as they come out of YAML, checked and with numbers as numbers.

    YAML 1.1 reads ``1e-3`` as text, as it wants a point and a signed exponent. Text of this form,
    quoted or not, becomes a number. What JSON cannot hold would not reach the function as it is.

    Args:
        values: null, truth values, numbers, text, and lists and mappings of these.
        path: key at which they stand, for errors.

    Raises:
        ValueError: a number that is not finite, a key that is no text, or another type, such as a
            date.
    """
    where = f"{path}: " if path else ""
    if isinstance(values, dict):
        if odd := [key for key in values if not isinstance(key, str)]:
            raise ValueError(f"{where}the key {odd[0]!r} is no text; put it in quotes")
        return {
            key: plain_values(value, f"{path}.{key}" if path else key)
            for key, value in values.items()
        }
    if isinstance(values, list | tuple):
        return [plain_values(value, f"{path}[{at}]") for at, value in enumerate(values)]
    if isinstance(values, str) and _YAML_MISSES.fullmatch(values):
        values = float(values)
    if isinstance(values, float) and not math.isfinite(values):
        raise ValueError(f"{where}{values} is no finite number")
    if values is not None and not isinstance(values, bool | int | float | str):
        raise ValueError(
            f"{where}{values} is read as {type(values).__name__}; put it in quotes for text"
        )
    return values


_YAML_MISSES = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", re.ASCII)
"""Floating numbers of YAML 1.2 and JSON that have an exponent: not all are numbers in YAML 1.1."""


LONGEST_NAME = 200
"""Bytes of a name that becomes a folder or a part of a file's name, which may have 255 in all."""


def check_plain_names(named: dict[str, _Value], what: str = "name") -> dict[str, _Value]:
    """Check that names can stand in tables and paths.

    Args:
        named: a mapping by name.
        what: what the names are called in the error.

    Raises:
        ValueError: a name has other characters than letters, digits and underscores, or is longer
            than the names of files may be.
    """
    for name in named:
        if len(name.encode()) > LONGEST_NAME:
            raise ValueError(f"{what} {name[:20]!r}...: use at most {LONGEST_NAME} bytes")
        if not name.replace("_", "").isalnum():
            raise ValueError(f"{what} {name!r}: use letters, digits and underscores")
    return named


class WrongKey(ValueError):
    """A validator's objection to one key of a group, which the error then names in full.

    Args:
        key: the key inside the group, with dots.
        message: what is wrong.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key, self.message = key, message


def validation_error(
    error: ValidationError,
    *,
    where: str,
    model: type[BaseModel],
    values: Mapping[str, Any] | None = None,
) -> UserError:
    """Turn pydantic's report into one error that names each key, its value and the remedy.

    Args:
        error: pydantic's report.
        where: file or option that the values came from.
        model: settings that were read, for the key that an unknown one may stand for.
        values: what was validated; then keys are those of the user, without the tags that pydantic
            puts among them where settings are of several kinds.
    """
    lines = []
    remedies = []
    for item in error.errors(include_url=False):
        path = [str(part) for part in _path(item["loc"], values, item["type"] in _MISSING)]
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, WrongKey):
            path.append(cause.key)
        elif item["type"] == "union_tag_not_found":
            path.append("name")
        key = ".".join(path) or "(whole document)"
        lines.append(f"{key}: {objection(item, model)}")
        if item["type"] == "extra_forbidden":
            remedies.append(f"remove or rename '{key}'")
        elif item["type"] in _MISSING:
            remedies.append(f"add '{key}'")
        else:
            remedies.append(f"correct '{key}'")
    return UserError(
        "the configuration is not valid: " + "; ".join(lines),
        where=where,
        remedy="; ".join(remedies) + " (docs/configuration.md lists every key with its range)",
    )


def _path(location: Sequence[Any], values: Any, missing: bool) -> list[Any]:
    """The location without tags: parts that are no key where they stand.

    Args:
        location: as pydantic gives it.
        values: what was validated.
        missing: the last part may be a key that is not there.
    """
    if values is None:
        return list(location)
    path = []
    for number, part in enumerate(location):
        if isinstance(values, Mapping):
            last = missing and number + 1 == len(location)
            # A tag may repeat the value of 'name'.
            if part not in values and (not last or part == values.get("name")):
                continue
            values = values.get(part)
        elif isinstance(values, Sequence) and not isinstance(values, str):
            values = values[part] if isinstance(part, int) and part < len(values) else None
        path.append(part)
    return path


def objection(item: Any, model: type[BaseModel]) -> str:
    """What pydantic objects to, in our words: one of ``ValidationError.errors()``.

    Args:
        item: the error.
        model: settings that were read.
    """
    if item["type"] == "extra_forbidden":
        return f"unknown key{did_you_mean(str(item['loc'][-1]), keys_at(model, item['loc']))}"
    if item["type"] in _MISSING:
        return "this key is required"
    context = item.get("ctx", {})
    if isinstance(context.get("error"), WrongKey):
        return str(context["error"].message)
    message = str(item["msg"]).removeprefix("Value error, ")
    # One of several words is expected, or the word that says which settings these are.
    known = re.findall(r"'([^']*)'", context.get("expected_tags", context.get("expected", "")))
    given = item["input"]
    word = context.get("tag", given.get("name") if isinstance(given, Mapping) else given)
    if isinstance(word, str):
        message += did_you_mean(word, known).removesuffix("?") if word not in known else ""
    text = repr(given)
    return f"{message} (got {text if len(text) <= 80 else text[:77] + '...'})"

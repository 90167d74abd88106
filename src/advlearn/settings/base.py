"""The common base of all settings: unknown keys are errors, values do not change after loading."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from advlearn.support.errors import UserError


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
            raise validation_error(error, where="option --settings") from error

    def to_json(self) -> str:
        """Canonical JSON: the same settings give the same text."""
        return self.model_dump_json()


def validation_error(error: ValidationError, *, where: str) -> UserError:
    """Turn pydantic's report into one error that names each key, its value and the remedy."""
    lines = []
    remedies = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"]) or "(whole document)"
        lines.append(f"{key}: {_plain(item)}")
        if item["type"] == "extra_forbidden":
            remedies.append(f"remove or rename '{key}'")
        else:
            remedies.append(f"correct '{key}'")
    return UserError(
        "the configuration is not valid: " + "; ".join(lines),
        where=where,
        remedy="; ".join(remedies) + " (docs/configuration.md lists every key with its range)",
    )


def _plain(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "unknown key"
    if item["type"] == "missing":
        return "this key is required"
    message = str(item["msg"]).removeprefix("Value error, ")
    given = repr(item["input"])
    return f"{message} (got {given if len(given) <= 80 else given[:77] + '...'})"

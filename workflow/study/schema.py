"""Checks of settings against the JSON schemas of ``study/schemas``, with errors of one line."""

import copy
import datetime
import functools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from typing import Any, Final

import jsonschema
import yaml

from e3d.errors import InputError, choices, shown

_EXPONENT: Final = re.compile(r"([+-]?\d+)(\.\d*)?[eE]([+-]?)(\d+)")
_NO_NAMES: Final = ("NA", "NULL", "None", "null", "True", "False", "TRUE", "FALSE")
"""What pandas reads as missing, or as a truth value, beside numbers."""
_LARGEST: Final = 2**53
"""The largest whole number that every reader of JSON and every float64 takes as it is."""


def _matches_whole(
    _: Any, pattern: str, given: Any, __: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    """Match a text with all of a pattern: ``$`` alone lets a line break at the end pass."""
    if isinstance(given, str) and not re.fullmatch(pattern, given):
        yield jsonschema.ValidationError(f"{given!r} does not match {pattern}")


# 32.0 is an integer to JSON schema, but it would name a run n32.0
_VALIDATOR = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    validators={"pattern": _matches_whole},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def validate(values: dict[str, Any], schema: str) -> dict[str, Any]:
    """Return a copy of ``values``, defaults filled in, checked against ``<schema>.schema.yaml``.

    Raises
    ------
    InputError
        For the first error, unknown keys before others.
    """
    return check(values, rules_of(schema), schema)


@functools.cache  # a study of 1,000 runs asks thousands of times, and parsing takes 25 ms
def rules_of(schema: str) -> dict[str, Any]:
    """Return ``<schema>.schema.yaml``: the same dictionary for all, which nobody changes."""
    file = resources.files("study.schemas") / f"{schema}.schema.yaml"
    rules: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return rules


def check(values: dict[str, Any], rules: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a copy of ``values`` with defaults filled in, checked against ``rules``.

    Errors say by ``name`` where the values are from.

    Raises
    ------
    InputError
        For the first error, unknown keys before others.
    """
    try:
        filled = copy.deepcopy(values)
        _refuse_names(filled, name)
        _refuse_numbers(filled, name)
    except RecursionError:
        raise InputError(
            f"{name}: lists or mappings stand in themselves, or nest too deeply. Write them out."
        ) from None
    _fill_defaults(filled, rules)
    errors = sorted(
        _VALIDATOR(rules).iter_errors(filled),
        key=lambda error: (error.validator != "additionalProperties", list(map(str, error.path))),
    )
    if errors:
        raise InputError(_one_line(errors[0], name))
    return filled


def _refuse_names(values: Any, where: str) -> None:
    """Refuse names that YAML, or a reader of CSV tables, takes for numbers or truth values."""
    if isinstance(values, list):
        for value in values:
            _refuse_names(value, where)
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        if not isinstance(key, str):
            raise InputError(
                f"{where}: the name {shown(key)} is no text. Write it in quotes, with a letter."
            )
        if _is_no_name(key):
            raise InputError(
                f"{where}: the name {shown(key)} is a number, or nothing, to what reads tables. "
                "Choose a name with a letter, such as n128."
            )
        _refuse_names(value, f"{where}.{key}")


def _is_no_name(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in _NO_NAMES
    return True


def _refuse_numbers(values: Any, where: str) -> None:
    """Refuse what every bound of a schema lets through: .nan, .inf, and endless whole numbers."""
    if isinstance(values, float) and not math.isfinite(values):
        raise InputError(f"{where} = {values} - must be a finite number. Fix the value.")
    if isinstance(values, int) and abs(values) > _LARGEST:
        raise InputError(
            f"{where}: a whole number of {values.bit_length()} bits - allowed are those up to "
            f"{_LARGEST:,}. Fix the value."
        )
    if isinstance(values, list):
        values = dict(enumerate(values))
    if isinstance(values, dict):
        for key, value in values.items():
            _refuse_numbers(value, f"{where}.{key}")


def _fill_defaults(values: Any, rules: Mapping[str, Any]) -> None:
    if not isinstance(values, dict):
        return
    for key, rule in rules.get("properties", {}).items():
        if "default" in rule:
            values.setdefault(key, copy.deepcopy(rule["default"]))
        if key in values:
            _fill_defaults(values[key], rule)
    rest = rules.get("additionalProperties")
    if isinstance(rest, dict):
        for key in values.keys() - rules.get("properties", {}).keys():
            _fill_defaults(values[key], rest)


def _yaml_hint(given: Any) -> str:
    """Explain YAML's traps: ``1e-3`` without a dot, or ``1.0e3`` without a sign, is text."""
    if isinstance(given, str) and (match := _EXPONENT.fullmatch(given)):
        digits, fraction, sign, power = match.groups()
        number = f"{digits}{fraction or '.0'}e{sign or '+'}{power}"
        return f"; YAML reads it as text, write {number}"
    if isinstance(given, bool):
        return "; YAML reads yes, no, on and off as true or false, write a text in quotes"
    if isinstance(given, datetime.date):
        return "; YAML reads it as a date, write a text in quotes"
    return ""


def _one_line(error: jsonschema.ValidationError, schema: str) -> str:
    where = ".".join(map(str, error.path)) or "the top level"
    if "propertyNames" in error.schema_path:
        where = f"a name at {where}"
    given: Any = error.instance
    rule: Any = error.schema
    limit: Any = error.validator_value
    if error.validator == "additionalProperties":
        allowed = list(rule.get("properties", {}))
        unknown = next(key for key in given if key not in allowed)
        return (
            f"{schema}: unknown key {shown(unknown)} at {where} - {choices(unknown, allowed)}. "
            "Fix the spelling or remove it."
        )
    if error.validator == "required":
        missing = next(key for key in limit if key not in given)
        return f"{schema}: {where} lacks {missing!r}, which is required. Add it."
    texts: dict[str, Callable[[], str]] = {
        "enum": lambda: choices(given, limit),
        "type": lambda: f"expected {limit}" + _yaml_hint(given),
        "minimum": lambda: f"must be at least {limit}",
        "exclusiveMinimum": lambda: f"must be more than {limit}",
        "maximum": lambda: f"must be at most {limit}",
        "exclusiveMaximum": lambda: f"must be less than {limit}",
        "minItems": lambda: f"needs at least {limit} entries",
        "maxItems": lambda: f"takes at most {limit} entries",
        "minLength": lambda: "must not be empty",
        "maxLength": lambda: f"must have at most {limit} characters",
        "minProperties": lambda: f"needs at least {limit} entries",
        "uniqueItems": lambda: "must not repeat an entry",
        "pattern": lambda: f"must match {limit}",
    }
    allowed_text = texts.get(str(error.validator), lambda: str(error.message))()
    note = f" ({rule['description']})" if "description" in rule else ""
    return f"{schema}: {where} = {shown(given)} - {allowed_text}{note}. Fix the value."

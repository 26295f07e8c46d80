"""What files were made from: hashes of content that they carry, compared wherever they are joined.

A hash is of content, never of a path: what is moved or copied keeps it. Stores and Parquet tables
hold theirs inside, a subset in two columns, a checkpoint in its settings. Of other CSV tables and
of ``summary.json`` the note beside them says it, with the hash of the file that it speaks of.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from e3d import provenance
from e3d.errors import InputError, one_line, shown
from e3d.fields import GIVEN, TABLE_VERSION, Column

if TYPE_CHECKING:  # what it imports reads stores, which are hashed here
    from e3d.potential import LoadedModel

log = logging.getLogger(__name__)

STORE: Final = str(Column.STORE)
SPLITS: Final = str(Column.SPLITS)
SUBSET: Final = "subset"
MODEL: Final = "model"
OF_ONE_RUN: Final = (SUBSET, MODEL)
"""What runs of one dataset have each for themselves."""
TRAINED_ON: Final = "trained_on"
"""Where a checkpoint says its run, and the hashes of what it was trained on."""
_WORDS: Final = {
    STORE: "the store",
    SPLITS: "the splits",
    SUBSET: "the training frames",
    MODEL: "the model",
}
_SETTINGS: Final = {
    "r_max": "r_max_ang",
    "l_max": "l_max",
    "num_layers": "n_layers",
    "num_scalar_features": "n_scalar_features",
    "num_tensor_features": "n_tensor_features",
}
"""Settings of an Allegro network in a RUN.yaml, by the facts of a model that say the same."""
_KEY: Final = b"e3d"
_VERSION, _MADE_FROM = "table_version", "made_from"

Hashes = Mapping[str, str]
"""Hash by what it is of: the run's store, splits, subset and model, or other structures by name."""


@dataclass(frozen=True)
class Origin:
    """What a table says of itself; one that says nothing is of version 1."""

    version: int = 1
    made_from: Hashes = field(default_factory=dict)


def content_hash(parts: Iterable[bytes]) -> str:
    """Return a short hash of bytes that follow each other.

    The word before it keeps spreadsheets from reading it as a number.

    >>> content_hash([b"ab", b"c"])
    'sha256:ba7816bf8f01cfea'
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return _short(digest.hexdigest())


def file_hash(path: Path) -> str:
    """Return a short hash of a file's bytes."""
    return _short(provenance.file_digest(path))


def _short(digest: str) -> str:
    return f"sha256:{digest[:16]}"


def stamp(made_from: Hashes) -> dict[str, Any]:
    """Return what a table says of itself, for its note."""
    return {_VERSION: TABLE_VERSION, _MADE_FROM: dict(made_from)}


def stamped(schema: pa.Schema, made_from: Hashes) -> pa.Schema:
    """Return the schema of a Parquet file that says what it was made from."""
    text = json.dumps(stamp(made_from), sort_keys=True)
    return schema.with_metadata({**(schema.metadata or {}), _KEY: text.encode()})


def origin(path: Path) -> Origin:
    """Return what a table says of itself.

    Raises
    ------
    InputError
        If it was written by a later version, or changed since its note was written.
    """
    said = _said(path)
    noted = said.get("sha256")
    if noted is not None and noted != provenance.file_digest(path):
        raise InputError(
            f"{path}: its hash is {file_hash(path)}, but {provenance.note(path).name} beside it is "
            f"of a file with {_short(str(noted))}: the table was changed, or is another one. Make "
            "it again; to use it as it is, remove the note."
        )
    return Origin(said[_VERSION], said[_MADE_FROM]) if said else Origin()


def require_readable(path: Path) -> None:
    """Refuse a table that a later version wrote; older ones are read.

    Raises
    ------
    InputError
        Naming both versions.
    """
    _said(path)


def _said(path: Path) -> dict[str, Any]:
    """Return the stamp of a Parquet file, or the note beside another table; empty without one."""
    if path.suffix == ".parquet":
        try:
            text = (pq.read_schema(path).metadata or {}).get(_KEY, b"{}").decode()
        except (OSError, ValueError):  # what reads the table says why it cannot be read
            return {}
        where = path
    elif path.suffix in (".csv", ".json") and provenance.note(path).is_file():
        where = provenance.note(path)
        text = where.read_text(encoding="utf-8", errors="replace")
    else:
        return {}
    try:
        said = json.loads(text)
        version, made_from = int(said.get(_VERSION, 1)), dict(said.get(_MADE_FROM, {}))
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{where}: does not say in JSON what {path.name} was made from ({one_line(error)}). "
            "Make the table again."
        ) from None
    if version > TABLE_VERSION:
        raise InputError(
            f"{path}: a table of version {version}, and this E3D reads 1..{TABLE_VERSION}. "
            "Install the E3D that wrote it, or make it again."
        )
    return {**said, _VERSION: version, _MADE_FROM: made_from} if _VERSION in said else {}


def of_model(model: "LoadedModel", run: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the hashes of a model's file, and of what it was trained on as far as it says so.

    A given model is tested, and compared with null models, on what it was not trained on.
    """
    return {MODEL: file_hash(model.path), **({} if _is_given(run) else trained_on(model))}


def trained_on(model: "LoadedModel") -> dict[str, str]:
    """Return the hashes of the store, splits and subset that a model says it was trained on."""
    return {
        key: str(model.facts[trained_on_fact(key)])
        for key in (STORE, SPLITS, SUBSET)
        if trained_on_fact(key) in model.facts
    }


def trained_on_fact(key: str) -> str:
    """Return the name of a model's fact about its training: ``run``, or one of the hashes."""
    return f"{TRAINED_ON}_{key}"


def require_run(model: "LoadedModel", run: Mapping[str, Any] | None) -> None:
    """Refuse to call the results of a model that says its run, or its network, by another one.

    A given model, whichever it is, goes by the name that a study gives it.

    Raises
    ------
    InputError
        Naming both runs, or the setting of the network that differs.
    """
    asked: Mapping[str, Any] = getattr(run, "architecture", {})
    is_allegro = model.facts.keys() >= {*_SETTINGS.values()}
    for name, fact in _SETTINGS.items() if is_allegro else ():
        if name in asked and asked[name] != model.facts[fact]:
            raise InputError(
                f"{model.path}: a network with {name} = {model.facts[fact]}, and --run says "
                f"{shown(asked[name])}. Give the model and the RUN.yaml of one run."
            )
    said = model.facts.get(trained_on_fact("run"))
    if said is None or run is None or _is_given(run):
        return
    if str(run["run"]) != said:
        raise InputError(
            f"{model.path}: is the model of run {said}, and --run is of run {run['run']}. Give the "
            "model and the RUN.yaml of one run."
        )


def require_training(
    model: "LoadedModel",
    hashes: Hashes,
    where: object,
    run: Mapping[str, Any] | None = None,
) -> None:
    """Refuse splits or training frames that are not those a model says it was trained on.

    Test sets of other splits may hold its training frames. A given model may have been trained on
    another store; then nothing is known of these test sets.

    Raises
    ------
    InputError
        Naming what differs, with both hashes.
    """
    known = trained_on(model)
    if not known:
        log.info("%s: does not say what it was trained on, so nothing is checked", model.path)
    elif _is_given(run) and known.get(STORE) != hashes.get(STORE):
        log.info("%s: trained on another store than that of %s", model.path, where)
    else:
        remedy = "Give the splits and the training frames of this model."
        merged([(f"model {model.path}", known), (where, hashes)], remedy)


def require_source(table: Path, structures: str, store: Path, content: str) -> None:
    """Refuse rows that number the frames of another store, or of one that was made again.

    Parameters
    ----------
    table
        Decomposition of the ``structures``.
    store, content
        Where the frames are looked up, and the hash of what it holds.

    Raises
    ------
    InputError
        Naming both hashes.
    """
    said = origin(table).made_from
    key = structures if structures in said else STORE
    merged([(store, {key: content}), (table, {key: said[key]} if key in said else {})])


def _is_given(run: Mapping[str, Any] | None) -> bool:
    return run is not None and str(run["run"]).startswith(f"{GIVEN}/")


def _place(key: str) -> int:
    """Return the place of a hash among those of a run: who has another store has other splits."""
    order, name = list(_WORDS), key.rpartition("/")[2]
    return order.index(name) if name in order else len(order)


def _words(key: str) -> str:
    dataset, _, name = key.rpartition("/")
    return _WORDS.get(name, f"the structures {name}") + (f" of {dataset}" if dataset else "")


def merged(
    parts: Iterable[tuple[object, Hashes]],
    remedy: str = "Make the older one again, or give the one that belongs to it.",
) -> dict[str, str]:
    """Return what files that are joined were made from, all of them together.

    Parameters
    ----------
    parts
        What a message calls each, and its hashes.
    remedy
        Last sentence of the message.

    Raises
    ------
    InputError
        If two of them were made from different ones of anything.

    Examples
    --------
    >>> merged([("a.csv", {"store": "sha256:1"}), ("b.csv", {"splits": "sha256:2"})])
    {'store': 'sha256:1', 'splits': 'sha256:2'}
    """
    found: dict[str, tuple[str, object]] = {}
    for where, hashes in parts:
        for key in sorted(hashes, key=_place):
            value = hashes[key]
            first, other = found.setdefault(key, (value, where))
            if first != value:
                raise InputError(
                    f"{where}: made from {_words(key)} {value}, but {other} from {first}; what is "
                    f"joined must be made from the same. {remedy}"
                )
    return {key: value for key, (value, _) in found.items()}

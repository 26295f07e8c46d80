"""A published study as an RO-Crate: what it holds, what made it and how it is cited, for programs.

``ro-crate-metadata.json`` follows RO-Crate 1.1 and its profiles Workflow RO-Crate 1.0 and Workflow
Run Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5). It follows from the other files of the
folder and the project's ``CITATION.cff`` alone, so that the same study has the same bytes. Its date
is the day on which the study's last job ended.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from e3d import provenance
from e3d.errors import InputError
from e3d.options import read_yaml
from study.costs import FINISHED, MACHINE_FILE

CRATE_FILE: Final = "ro-crate-metadata.json"
WORKFLOW_FILE: Final = "Snakefile"
PROJECT: Final = Path(__file__).parents[2]
"""Has what a publication takes from the project: how it is cited, and the workflow's entry."""
CITATION: Final = PROJECT / "CITATION.cff"
_SNAKEMAKE: Final = "snakemake"
_PROFILES: Final = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
_KINDS: Final = {
    ".csv": ("text/csv", "table"),
    ".parquet": ("application/vnd.apache.parquet", "table of all runs"),
    ".png": ("image/png", "figure"),
    ".md": ("text/markdown", "findings"),
    ".ckpt": ("application/zip", "trained model, a checkpoint of nequip"),
    ".json": ("application/json", "machine, commit and versions of packages"),
}
_NOT_ON_PYPI: Final = {"e3d": "#e3d", "python": "https://www.python.org/"}
_TERMS: Final = {"sha256": "http://schema.org/sha256"}
"""RO-Crate 1.1 has no word for it."""


def write_crate(output: Path) -> None:
    """Describe the published study in the folder ``output``, replacing an earlier description.

    Raises
    ------
    InputError
        If the folder holds no published study, or one that says no date.
    """
    provenance.write_text(output / CRATE_FILE, crate_text(output, output.resolve().name))


def crate_text(folder: Path, name: str) -> str:
    """Return the description of the published study ``name`` in ``folder``.

    Raises
    ------
    InputError
        If the folder holds no published study, or one that says no date.
    """
    machine = read_yaml(folder / MACHINE_FILE)  # JSON is YAML
    if FINISHED not in machine:
        raise InputError(
            f"{folder / MACHINE_FILE}: has no {FINISHED!r}, the day on which the study's last job "
            "ended, such as 2026-11-28. Publish the study again, or write it there."
        )
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms.update(_TERMS)
    _describe(crate, folder, name, machine)
    return json.dumps(crate.metadata.generate(), indent=2, ensure_ascii=False) + "\n"


def _describe(crate: Any, folder: Path, name: str, machine: Mapping[str, Any]) -> None:
    """Fill a crate: the study, its workflow, its files, and the run that made them."""
    cff = read_yaml(CITATION)
    authors = [
        _add(crate, f"#{one['name'].replace(' ', '-')}", "Organization", name=one["name"])
        for one in cff["authors"]
    ]
    address = f"https://spdx.org/licenses/{cff['license']}"
    licence = _add(crate, address, "CreativeWork", name=cff["license"], url=address)
    cited = [_article(crate, one) for one in cff["references"]]
    workflow = _workflow(crate, folder, machine)
    common = {"version": cff["version"], "license": licence}
    _set(workflow, name=cff["title"], author=_only(authors), **common)
    run = _add(crate, "#run", "CreateAction", name=f"Run of the study “{name}”")
    _set(
        run,
        description=f"On {machine['processor']}, {machine['cores']} cores.",
        endTime=machine[FINISHED],
        instrument=workflow,
        agent=authors[0],
        result=_files(crate, folder, name),
    )
    _set(
        crate.root_dataset,
        name=f"E3D study “{name}”",
        description=f"Tables, figures and findings of the study “{name}”. {cff['title']}",
        datePublished=machine[FINISHED],
        author=_only(authors),
        creator=_only(authors),
        publisher=authors[0],
        citation=cited,
        mentions=run,
        conformsTo=[
            _add(crate, place, "CreativeWork", name=title, version=version)
            for place, title, version in _PROFILES
        ],
        **common,
    )


def _add(crate: Any, identifier: str, kind: str, **properties: str) -> Any:
    return crate.add(ContextEntity(crate, identifier, {"@type": kind, **properties}))


def _set(entity: Any, **properties: Any) -> None:
    for key, value in properties.items():
        entity[key] = value


def _only(entities: list[Any]) -> Any:
    """Return one entity as itself, as RO-Crate 1.1 writes it, and several as they are."""
    return entities[0] if len(entities) == 1 else entities


def _article(crate: Any, reference: Mapping[str, Any]) -> Any:
    people = [
        {"name": f"{one.get('given-names', '')} {one['family-names']}".strip()}
        for one in reference["authors"]
    ]
    authors = [_add(crate, f"#{one['name'].replace(' ', '-')}", "Person", **one) for one in people]
    article = _add(
        crate,
        f"https://doi.org/{reference['doi']}",
        "ScholarlyArticle",
        name=reference["title"],
        datePublished=str(reference["year"]),
    )
    _set(article, author=_only(authors))
    return article


def _workflow(crate: Any, folder: Path, machine: Mapping[str, Any]) -> Any:
    """Add the entry of the workflow, as the crate's main entity, and the software it ran on."""
    workflow = crate.add_workflow(
        folder / WORKFLOW_FILE,
        WORKFLOW_FILE,
        main=True,
        lang=_SNAKEMAKE,
        properties={"encodingFormat": "text/plain", **_facts(folder / WORKFLOW_FILE)},
    )
    versions = dict(machine.get("versions") or {})
    if commit := machine.get("commit"):
        versions["e3d"] = f"{versions.get('e3d', '')}, commit {commit}".removeprefix(", ")
    software = []
    for package, version in versions.items():
        address = _NOT_ON_PYPI.get(package, f"https://pypi.org/project/{package}/")
        kind = "SoftwareApplication"
        software.append(_add(crate, address, kind, name=package, softwareVersion=version))
        if address.startswith("https"):
            _set(software[-1], url=address)
    _set(workflow, softwareRequirements=software)
    return workflow


def _facts(path: Path) -> dict[str, str]:
    return {"contentSize": str(path.stat().st_size), "sha256": provenance.file_digest(path)}


def _files(crate: Any, folder: Path, name: str) -> list[Any]:
    """Add every file but the workflow's and the description itself."""
    files = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        place = path.relative_to(folder).as_posix()
        if place in (CRATE_FILE, WORKFLOW_FILE):
            continue
        media, kind = _KINDS.get(path.suffix, ("application/octet-stream", "file"))
        properties = {
            "name": f"{place}: {kind} of the study “{name}”",
            "encodingFormat": media,
            **_facts(path),
        }
        files.append(crate.add_file(path, place, properties=properties))
    return files

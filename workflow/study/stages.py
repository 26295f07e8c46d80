"""All stages in the order in which data flows, and what the study derives from them."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Final

from study.stage import Figure, Findings, Runs, Stage, Table

NAMES: Final = (
    "data",
    "train",
    "given",
    "soundness",
    "evaluate",
    "decompose",
    "bde",
    "entropy",
    "null",
    "gauge",
    "label_theory",
    "reactivity",
    "scaling",
    "robustness",
    "answers",
    "claims",
)
"""Each is a folder here and a rule file; a stage imports only stages before it."""

STAGES: Final[tuple[Stage, ...]] = tuple(import_module(f"study.{name}").STAGE for name in NAMES)

TABLES: Final[Mapping[str, Table]] = {
    f"{stage.name}/{table.name}": table for stage in STAGES for table in stage.tables
}
"""The study's tables by ``<stage>/<table>``."""

FIGURES: Final[Mapping[str, Figure]] = {
    figure.name: figure
    for figure in sorted((f for stage in STAGES for f in stage.figures), key=lambda f: f.number)
}
"""Figures by name, in the order of their numbers."""

FINDINGS: Final[Mapping[str, Findings]] = {
    stage.name: stage.findings
    for stage in sorted(STAGES, key=lambda stage: not (stage.findings and stage.findings.first))
    if stage.findings is not None
}
"""Sections of the findings by the name of their stage, in their order: first, then by stage."""

RUNS_TABLE: Final = "decompose/summary"
"""The table that says which runs there are."""

SOUNDNESS: Final = "soundness"
"""The stage that checks models."""
LAWS_TABLE: Final = f"{SOUNDNESS}/laws"
"""The table that says which laws they obey."""


def names_of(*, sets: int, wanted: Sequence[str] = ()) -> list[str]:
    """Return the stages of a study: those ``wanted``, or all but those on request.

    ``sets`` are the training sets of its own runs; a study of given models alone has none.
    """
    return [
        stage.name
        for stage in STAGES
        if sets >= stage.sets and (stage.name in wanted if wanted else not stage.on_request)
    ]


def tables_made(*, sets: int, wanted: Sequence[str] = ()) -> list[str]:
    """Return the tables that a study has."""
    return [table for name in names_of(sets=sets, wanted=wanted) for table in tables_of(name)]


def figures_made(*, sets: int, wanted: Sequence[str] = ()) -> list[str]:
    """Return the figures that a study has, in the order of their numbers.

    Of a study that wants some stages alone, they are those that need no tables of others.
    """
    stages, made = names_of(sets=sets, wanted=wanted), tables_made(sets=sets, wanted=wanted)
    return [
        name
        for name, figure in FIGURES.items()
        if stage_of(name) in stages and {*figure.tables} <= {*made}
    ]


def sections_made(
    *,
    sets: int,
    wanted: Sequence[str] = (),
    has: Callable[[str], bool] = lambda table: True,
) -> list[str]:
    """Return the stages whose sentences are in a study's findings, in their order.

    ``has`` says whether the study has a table; without theirs, optional ones are left out.
    """
    stages = names_of(sets=sets, wanted=wanted)
    made = {stage: FINDINGS[stage] for stage in FINDINGS if stage in stages}
    return [name for name, one in made.items() if not one.optional or all(map(has, one.tables))]


def stage_of(figure: str) -> str:
    """Return the name of the stage that has a figure."""
    return next(stage.name for stage in STAGES if figure in {one.name for one in stage.figures})


def figure_module(figure: str) -> str:
    """Return the name of the module that draws a figure."""
    return f"study.{stage_of(figure)}.figure_{figure}"


def findings_module(stage: str) -> str:
    """Return the name of the module that writes a stage's sentences."""
    return f"study.{stage}.findings"


def stacked() -> dict[str, Table]:
    """Return the tables that are stacked from one table per run."""
    return {name: table for name, table in TABLES.items() if table.runs is not Runs.NONE}


def findings_tables(sections: Sequence[str] = ()) -> list[str]:
    """Return the tables that the findings of all stages, or of ``sections``, are written from."""
    made = [FINDINGS[stage] for stage in sections or FINDINGS]
    names = [table for section in made for table in section.tables]
    of_runs = [] if all(section.alone for section in made) else [RUNS_TABLE]
    return list(dict.fromkeys([*of_runs, *names]))


def about_variants(table: str) -> bool:
    """Say whether a table's stage shows variants of model sizes (``micro+r35``) too."""
    stage = next(stage for stage in STAGES if stage.name == table.split("/")[0])
    said = stage.findings is not None and stage.findings.of_study
    return said or any(figure.variants for figure in stage.figures)


def of_sound_runs(table: str) -> bool:
    """Say whether a stacked table leaves out runs that break a law.

    Those of stages after the one that checks do, but for null models' own, which are of no run.
    """
    after = NAMES[NAMES.index(SOUNDNESS) + 1 :]
    return table.split("/")[0] in after and any("{run}" in file for file in TABLES[table].files)


def tables_of(stage: str) -> list[str]:
    """Return the names of a stage's tables, ``<stage>/<table>``."""
    return [name for name in TABLES if name.startswith(f"{stage}/")]


def kept_of(stages: Sequence[str]) -> list[str]:
    """Return the stacked tables that a publication of ``stages`` has as Parquet."""
    return [name for stage in stages for name in tables_of(stage) if TABLES[name].kept]


def groups() -> dict[str, str]:
    """Return the group that each rule's jobs go to a cluster with."""
    found = {rule: group for stage in STAGES for rule, group in stage.groups.items()}
    names = (*FIGURES, *(f"{name}_given" for name in FIGURES if FIGURES[name].of_one_run))
    drawn = {f"figures_{name}": "study" for name in (*names, "findings")}
    return found | {"tables_collect": "study", "site": "study"} | drawn

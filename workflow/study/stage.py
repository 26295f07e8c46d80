"""What a stage of the study declares: its tables, figures, findings and commands.

A stage is one folder, ``study/<name>/``, and one rule file of the same name. Its ``__init__`` holds
``STAGE``; rules, stacked tables, figures, findings, the command line and the cluster's groups are
derived from it (``study.stages``). Declarations import nothing but this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from e3d.command_line import Command


class Runs(StrEnum):
    """Which runs have a table."""

    EVERY = "every run, trained here or given"
    TRAINED = "every run that is trained here"
    PLAIN = "runs of plain model sizes, and given ones"
    SMALLEST = "the smallest plain size at the largest training set, with its lowest seed"
    NONE = "made once for the study"


@dataclass(frozen=True)
class Table:
    """A table of the study, ``results/<stage>/<name>.csv``.

    Parameters
    ----------
    name
        Of the file, without its suffix.
    files
        The tables of one run that it stacks, below the results folder, with ``{run}``, its
        ``{model}`` and ``{seed}``, the ``{dataset}`` it is tested on and the ``{n_train}`` frames
        its null models are fitted to; ``{structures}`` is each set of structures in turn. None if
        a rule writes it at once.
    runs
        The runs that have these files.
    check
        Function that refuses rows which do not belong together, ``"module:function"``.
    kept
        Whether a published study has it too, as Parquet: what other tables are made from it can be
        made again, and together with other runs, without training.
    """

    name: str
    files: tuple[str, ...] = ()
    runs: Runs = Runs.NONE
    check: str = ""
    kept: bool = False


def of_runs(stage: str, runs: Runs, first: str, *others: str, check: str = "") -> tuple[Table, ...]:
    """Return tables of runs beside each other: ``<run>.csv``, ``<run>.<other>.csv``, ...

    ``check`` is of the first.
    """
    beside = (Table(name, (f"{stage}/{{run}}.{name}.csv",), runs) for name in others)
    return Table(first, (f"{stage}/{{run}}.csv",), runs, check), *beside


@dataclass(frozen=True)
class Figure:
    """A figure, drawn by ``study/<stage>/figure_<name>.py``; its caption is ``figure_<name>.rst``.

    Parameters
    ----------
    name
        Of its files.
    number
        Its place in the study's story: ``fig<number>.pdf``.
    shows
        What README says it shows.
    tables
        The study's tables it is drawn from, ``<stage>/<table>``.
    variants
        Whether it shows variants of model sizes (``micro+r35``) too.
    settings
        The lists under ``figures`` in the configuration that its ``make`` takes by name.
    of_one_run
        Whether it shows a single run, so that each given model has one too.
    """

    name: str
    number: int
    shows: str
    tables: tuple[str, ...]
    variants: bool = False
    settings: tuple[str, ...] = ()
    of_one_run: bool = False


@dataclass(frozen=True)
class Findings:
    """What the stage's tables say, in sentences: ``study/<stage>/findings.py``.

    Parameters
    ----------
    title
        Heading of the section.
    tables
        The study's tables it reads.
    every_dataset
        Whether it speaks of each dataset, not of the study's first alone.
    first
        Whether it stands before those of other stages.
    of_study
        Whether it speaks of all runs together, variants among them: it is not said again of each
        given model.
    optional
        Whether it is left out where its tables are not there: studies published before it lack
        them.
    alone
        Whether it needs no run of reference: it is written where nothing says which runs there are.
    """

    title: str
    tables: tuple[str, ...]
    every_dataset: bool = False
    first: bool = False
    of_study: bool = False
    optional: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Stage:
    """One stage.

    ``groups`` says which of its rules' jobs go to a cluster together with others, ``sets`` how many
    training sets a study needs to have it: one where it compares runs that are trained here, two
    where it compares training sets; a study of given models alone has none. ``on_request``: only
    studies that name it under ``stages`` have it.
    """

    name: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    findings: Findings | None = None
    commands: tuple[Command, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    sets: int = 0
    on_request: bool = False

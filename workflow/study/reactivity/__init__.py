"""Stage ``reactivity``: activation energies, stretched bonds, and D along reaction paths."""

from pathlib import Path

from e3d.command_line import Command, argument
from study.arguments import DEVICE, RUN
from study.stage import Figure, Runs, Stage, of_runs

FILES = {
    "paths": ("resources/reactions_geometries.hdf5", "images of reaction paths"),
    "path-labels": ("resources/reactions.hdf5", "their labels"),
    "scans": ("resources/scans_geometries.hdf5", "stretch scans"),
    "scan-labels": ("resources/scans.hdf5", "their labels"),
    "references": ("resources/references.hdf5", "labelled species of DBH24"),
}
"""Options of the command that name a shipped file, and what is in it."""

_TABLES = ("barriers", "summary", "scans", "scan_errors", "paths", "path_changes")

STAGE = Stage(
    "reactivity",
    tables=of_runs("reactivity", Runs.PLAIN, *_TABLES),
    figures=(
        Figure(
            "reactivity",
            8,
            "activation energies; D along reaction paths",
            (
                "decompose/summary",
                "reactivity/barriers",
                "reactivity/summary",
                "reactivity/paths",
            ),
            of_one_run=True,
        ),
        Figure(
            "scans",
            9,
            "stretched bonds: energy and D",
            ("decompose/summary", "reactivity/scans"),
            of_one_run=True,
        ),
    ),
    commands=(
        Command(
            "reactivity",
            "study.reactivity.command:write_tables",
            "Barriers, stretch scans and D along reaction paths of MODEL; write six tables "
            "(RUN.csv and its siblings).",
            (
                argument("MODEL", "trained checkpoint"),
                *(
                    argument(f"--{name}", f"{text} (default: %(default)s)", default=Path(file))
                    for name, (file, text) in FILES.items()
                ),
                argument("--transition1x", "Transition1x's file: barriers of its reactions too"),
                argument("--store", "store the model was trained from; with --subset"),
                argument("--subset", "training frames of the run, to say what is extrapolation"),
                argument("--theory", "without these: its level of theory", type=str, default=""),
                RUN,
                DEVICE,
            ),
        ),
    ),
)

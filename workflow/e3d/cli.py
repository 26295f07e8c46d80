"""The command line, ``e3d`` or ``python -m e3d``: what the workflow's rules call, and a person by hand.

Every stage is imported only when its command runs, so that ``--help`` is instant.
"""

import argparse
import contextlib
import glob
import itertools
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from e3d import __version__, options
from e3d.data.commands import add_commands
from e3d.errors import InputError
from e3d.gauge.commands import add_commands as add_gauge_commands
from e3d.level.commands import add_commands as add_level_commands
from e3d.null.commands import add_commands as add_null_commands
from e3d.options import json_object, run_of
from e3d.reactivity.commands import add_commands as add_reactivity_commands

_RUNTIME = ("device", "devices", "nodes", "compile_mode", "kernels", "tf32")
_FOLDERS = ("train", "decompose", "publish")
Arguments = argparse.Namespace


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0, or 2 for input that cannot be used."""
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where the shell had it ignored
        signal.signal(signal.SIGINT, _terminated)
    try:
        with _logging_to(arguments.log) as terminal:
            try:
                _check_output(arguments)
                arguments.call(arguments)
                _forget_attempt(arguments.log)
            except (InputError, OSError) as error:
                return _report(error, {2, 2 if terminal is None else terminal})  # the log and the terminal
    except OSError as error:  # the log itself cannot be written
        return _report(error, {2})
    return 0


def _report(error: InputError | OSError, streams: set[int]) -> int:
    """Write the error in one line to every stream; return the exit code."""
    text = str(error)
    if isinstance(error, OSError):
        text = f"{error.filename or 'a file'}: {error.strerror or error}. Check the path, its permissions and the disk."
    for stream in streams:
        os.write(stream, f"e3d: error: {text}\n".encode())
    return 2


def _check_output(arguments: Arguments) -> None:
    """Refuse before any work an output that cannot be written: a file for a folder, or the reverse."""
    output: Path | None = arguments.output
    if output is None:  # the command has its own default
        return
    if arguments.makes_folder and output.exists() and not output.is_dir():
        raise InputError(f"{output}: is a file, and this command writes a folder. Give another -o.")
    if not arguments.makes_folder and output.is_dir():
        raise InputError(f"{output}: is a folder, and this command writes a file. Give the file's name after -o.")


def _terminated(number: int, _: object) -> None:
    """Turn SIGTERM and Ctrl-C into an orderly exit, so that temporary files and child processes go too."""
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _logging_to(log: Path | None) -> Iterator[int | None]:
    """Send standard error, also of child processes, to ``log``; yield the terminal's descriptor.

    Until the command has done its work the log has a second name, ``<log>.1`` or the next that is free: Snakemake
    removes the first one before another attempt, and what this one, out of memory or time, had to say stays.
    """
    terminal = None
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)  # not emptied: an earlier attempt's second name is of the same file
        sys.stderr.flush()
        terminal = os.dup(2)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(target, 2)
        os.close(target)
        attempts = (log.with_name(f"{log.name}.{k}") for k in itertools.count(1))
        with contextlib.suppress(OSError):  # a file system without links
            os.link(log, next(path for path in attempts if not path.exists()))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", force=True)
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # a hundred lines for a PDF otherwise
    try:
        yield terminal
    finally:
        sys.stderr.flush()
        if terminal is not None:
            os.dup2(terminal, 2)
            os.close(terminal)


def _forget_attempt(log: Path | None) -> None:
    """Remove the second name of the log of a command that has done its work."""
    if log is not None and log.is_file():
        for path in log.parent.glob(f"{glob.escape(log.name)}.*"):
            if path.samefile(log):
                path.unlink()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="e3d", description="Edge-wise emergent decomposition: data, training, decomposition, tables, figures."
    )
    parser.add_argument("--version", action="version", version=f"e3d {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_commands(commands, _command)
    add_level_commands(commands, _command)
    add_null_commands(commands, _command)
    add_gauge_commands(commands, _command)
    _model_commands(commands)
    _table_commands(commands)
    add_reactivity_commands(commands, _command)
    return parser


def _command(
    commands: Any, name: str, call: Callable[[Arguments], None], summary: str, *paths: str, default_output: str = ""
) -> argparse.ArgumentParser:
    """Add a command with ``-o``, ``--log`` and the positional ``paths`` ("NAME+" takes several).

    ``-o`` is required unless ``default_output`` says what is written without it.
    """
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    for path in paths:
        many = path.endswith("+")
        label = path.removesuffix("+")
        parser.add_argument(label.lower(), metavar=label, type=Path, nargs="+" if many else None)
    output_help = default_output or "file or folder to write"
    parser.add_argument("-o", "--output", type=Path, required=not default_output, help=output_help)
    parser.add_argument("--log", type=Path, help="write the log here instead of to the terminal")
    parser.set_defaults(call=call, makes_folder=name in _FOLDERS)
    return parser


def _model_commands(commands: Any) -> None:
    write = _command(commands, "settings", _settings, "Write one run's settings as RUN.yaml.")
    write.add_argument("json", metavar="JSON", help="the settings as JSON")
    train = _command(commands, "train", _train, "Train one run with nequip-train into a folder.", "RUN")
    train.add_argument("--compile-mode", choices=("eager", "compile"), default="eager")
    train.add_argument("--devices", type=options.count, default=1, help="processes on each node (default: 1)")
    train.add_argument("--nodes", type=options.count, default=1, help="nodes, of a Slurm job (default: 1)")
    train.add_argument("--tf32", action="store_true", help="let a GPU round the factors of matrix products to TF32")
    train.add_argument("--kernels", default="auto", help="auto, centre, shipped or cuequivariance (default: auto)")
    evaluate = _command(
        commands, "evaluate", _evaluate, "Write the errors of MODEL on the labelled frames of STORE.", "MODEL", "STORE"
    )
    decompose = _command(
        commands,
        "decompose",
        _decompose,
        "Decompose MODEL (.ckpt or .nequip.zip) on STRUCTURES (a store, or any file ASE reads).",
        "MODEL",
        "STRUCTURES+",
    )
    decompose.add_argument(
        "--skip-unknown-elements",
        action="store_true",
        help="leave out structures with elements the model does not know, and log each",
    )
    for parser in (evaluate, decompose):
        parser.add_argument("--splits", type=Path, help="use the test sets of this table, apart")
        parser.add_argument("--run", type=Path, help="RUN.yaml the model was trained from")
    for parser in (train, evaluate, decompose):
        parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:<k>")


def _table_commands(commands: Any) -> None:
    bde = _command(commands, "bde", _bde, "Compare D of decompositions with reference energies.", "FOLDER+")
    bde.add_argument("--bde", type=Path, required=True, help="table of named bonds with BDE298")
    bde.add_argument("--bond-energies", type=Path, required=True, help="table with De and mean bond energies")
    bde.add_argument("--subset", type=Path, help="training frames of the run, to say what was trained on")
    entropy = _command(commands, "entropy", _entropy, "Entropy and decomposability of D.", "FOLDER+")
    entropy.add_argument("--bin-bond-energy", type=options.width, default=0.05, help="eV")
    entropy.add_argument("--bin-scaled", type=options.width, default=0.05)
    entropy.add_argument("--bin-r", type=options.width, default=0.02, help="Å")
    for parser in (bde, entropy):
        parser.add_argument("--run", type=Path, help="RUN.yaml the model was trained from")
    collect = _command(commands, "collect", _collect, "Stack tables of several runs, in run order.", "TABLE+")
    collect.add_argument("--one-sample-size", action="store_true", help="refuse entropies of different n")
    _command(commands, "scaling", _scaling, "Fit scaling forms to the table of ERRORS.", "ERRORS")
    _command(commands, "interplay", _interplay, "Correlate the runs' numbers over (N, M) cells.", "TABLES+")
    _command(commands, "robustness", _robustness, "Compare D of NAMED bonds between training sets.", "NAMED", "ORDER")
    figures = _command(commands, "figures", _figures, "Draw a figure as PDF, SVG and PNG.", "TABLES+")
    figures.add_argument("--name", required=True, help="which figure")
    figures.add_argument("--molecules", nargs="+", default=[], help="SMILES to draw (molecules)")
    figures.add_argument("--numbered", type=Path, help="write the PDF here too (fig3.pdf)")
    publish = _command(commands, "publish", _publish, "Copy a finished study's tables, figures and costs.", "RESULTS")
    publish.add_argument("--readme", type=Path, help="write the findings and times into the marked blocks of this file")
    publish.add_argument("--only", nargs="+", default=(), help="publish these stages alone: gauge, robustness, ...")
    _command(commands, "findings", _findings, "Write what the TABLES say, in sentences.", "TABLES+")


def _settings(arguments: Arguments) -> None:
    from e3d.config import RunSettings, write_run

    write_run(RunSettings.from_dict(json_object(arguments.json)), arguments.output)


def _train(arguments: Arguments) -> None:
    from e3d.train.run import train

    runtime = {name: getattr(arguments, name) for name in _RUNTIME}
    train(arguments.run, arguments.output, runtime)


def _evaluate(arguments: Arguments) -> None:
    from e3d.evaluate import evaluate
    from e3d.models import load_model

    model = load_model(arguments.model, arguments.device)
    evaluate(model, arguments.store, arguments.splits, arguments.output, run_of(arguments))


def _decompose(arguments: Arguments) -> None:
    from e3d.decompose.run import decompose_all
    from e3d.models import load_model

    decompose_all(
        load_model(arguments.model, arguments.device),
        arguments.structures,
        arguments.output,
        run=run_of(arguments),
        splits=arguments.splits,
        skip_unknown=arguments.skip_unknown_elements,
    )


def _bde(arguments: Arguments) -> None:
    from e3d.bde import run_tables

    run_tables(
        arguments.folder,
        arguments.bde,
        arguments.bond_energies,
        arguments.subset,
        arguments.output,
        run_of(arguments),
    )


def _entropy(arguments: Arguments) -> None:
    from e3d.entropy import Bins, run_tables

    bins = Bins(arguments.bin_bond_energy, arguments.bin_scaled, arguments.bin_r)
    run_tables(arguments.folder, arguments.output, bins, run_of(arguments))


def _collect(arguments: Arguments) -> None:
    from e3d import tables

    table = tables.collect(arguments.table)
    if arguments.one_sample_size:
        from e3d.entropy import require_one_sample_size

        require_one_sample_size(table)
    tables.write(table, arguments.output, inputs=arguments.table)


def _scaling(arguments: Arguments) -> None:
    from e3d.scaling import run_table

    run_table(arguments.errors, arguments.output)


def _interplay(arguments: Arguments) -> None:
    from e3d.interplay import write

    write(arguments.tables, arguments.output)


def _robustness(arguments: Arguments) -> None:
    from e3d.robustness import run_tables

    run_tables(arguments.named, arguments.order, arguments.output)


def _figures(arguments: Arguments) -> None:
    from e3d.figures import draw

    draw(arguments.name, arguments.tables, arguments.output, molecules=arguments.molecules, numbered=arguments.numbered)


def _findings(arguments: Arguments) -> None:
    from e3d.findings import write_findings

    write_findings(arguments.tables, arguments.output)


def _publish(arguments: Arguments) -> None:
    from e3d.provenance import write_text
    from e3d.publish import fill_readme, publish

    publish(arguments.results, arguments.output, arguments.only)
    if arguments.readme is not None:
        write_text(arguments.readme, fill_readme(arguments.readme.read_text(encoding="utf-8"), arguments.output))

"""The commands of the null stage: ``e3d null fit``, ``untrained`` and ``run``."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e3d import options

Arguments = argparse.Namespace
Command = Callable[..., argparse.ArgumentParser]


def add_commands(commands: Any, command: Command) -> None:
    """Add ``e3d null`` and its verbs; ``command`` makes a parser with ``-o`` and ``--log``."""
    null = commands.add_parser("null", help="what bookkeeping, chance and a pair potential give for D")
    verbs = null.add_subparsers(title="commands", required=True, metavar="COMMAND")
    fit = command(verbs, "fit", _fit, "Fit additivities and a pair potential to SUBSET.", "STORE", "SUBSET")
    fit.add_argument("--splits", type=Path, required=True, help="table written by `e3d data split`")
    fit.add_argument("--named", type=Path, required=True, help="structures of the named bonds")
    fit.add_argument("--dataset", required=True, help="what the dataset is called in the tables")
    fit.add_argument("--energy-weight", type=options.weight, required=True, help="of the squared energy error per atom")
    fit.add_argument("--force-weight", type=options.weight, required=True, help="of the squared force error")
    fit.add_argument("--r-max", type=options.width, default=5.0, help="cutoff of the pair potential, Å")
    bare = command(verbs, "untrained", _untrained, "D of the NAMED bonds in untrained networks.", "RUN", "NAMED")
    bare.add_argument("--seeds", type=options.count, default=20, help="number of networks")
    run = command(verbs, "run", _run, "Compare D of one run with every null model.", "FOLDER+")
    run.add_argument("--named", type=Path, required=True, help="table of named bonds by `e3d bde`")
    run.add_argument("--errors", type=Path, required=True, help="table by `e3d evaluate`")
    run.add_argument("--fit", type=Path, required=True, help="table by `e3d null fit`, the others beside it")
    run.add_argument("--untrained", type=Path, help="table by `e3d null untrained`")
    run.add_argument("--bde", type=Path, required=True, help="table of named bonds with BDE298")
    run.add_argument("--bond-energies", type=Path, required=True, help="table with De and mean bond energies")
    run.add_argument("--shuffles", type=options.count, default=200, help="random orders of D")
    run.add_argument("--run", type=Path, required=True, help="RUN.yaml the model was trained from")


def _fit(arguments: Arguments) -> None:
    from e3d import tables
    from e3d.null.fit import Sources, fit_tables
    from e3d.null.pair import Weights

    weights = Weights(arguments.energy_weight, arguments.force_weight)
    n_train = len(tables.read(arguments.subset, columns=("frame",)))
    sources = Sources(arguments.store, arguments.splits, arguments.subset, arguments.named)
    keys = {"dataset": arguments.dataset, "n_train": n_train}
    fit_tables(sources, arguments.output, weights, arguments.r_max, keys)


def _untrained(arguments: Arguments) -> None:
    from e3d.null.untrained import untrained_table

    untrained_table(arguments.run, arguments.named, arguments.seeds, arguments.output)


def _run(arguments: Arguments) -> None:
    from e3d.null.run import Inputs, run_tables

    inputs = Inputs(
        decomposed=tuple(arguments.folder),
        named=arguments.named,
        errors=arguments.errors,
        fit=arguments.fit,
        untrained=arguments.untrained,
        bde=arguments.bde,
        bond_energies=arguments.bond_energies,
    )
    run_tables(inputs, arguments.output, arguments.shuffles, options.run_of(arguments))

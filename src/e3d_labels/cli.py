"""The commands that make data: sampling, labels, references, reaction paths, stretched bonds."""

from typing import Final

from e3d import options
from e3d.command_line import Command, Group, argument

_JOBS = argument("--jobs", "processes, one thread each", type=options.count, default=1)
_THEORY = argument(
    "--theory",
    "spice, gfn2, aimnet2, or the full name of a theory that can be computed",
    type=str,
    required=True,
)
_BONDS = argument("TABLE", "named bonds")

COMMANDS: Final[tuple[Command | Group, ...]] = (
    Command(
        "data enumerate",
        "e3d_labels.enumerate:enumerate_molecules",
        "Write a list of small molecules, in strata, for `data sample`.",
        (
            argument("--n", "molecules", type=options.count, default=5000),
            argument("--largest", "heavy atoms of the largest", type=options.count, default=8),
            argument("--seed", "of the choice", type=options.natural, default=0),
        ),
    ),
    Command(
        "data sample",
        "e3d_labels.sample:sample_molecules",
        "Sample conformations of a list of SMILES by GFN2-xTB.",
        (
            argument("MOLECULES", "list of SMILES"),
            argument(
                "--conformations",
                "of each molecule, even, at most 50",
                type=options.count,
                default=50,
            ),
            argument("--seed", "of the sampling", type=options.natural, default=0),
            argument(
                "--method",
                "dynamics at 500 and 100 K, or displacements along normal modes",
                choices=("dynamics", "normal-modes"),
                default="dynamics",
            ),
            _JOBS,
        ),
    ),
    Command(
        "data label",
        "e3d_labels.labelling:label_file",
        "Label the conformations of GEOMETRIES (SPICE layout).",
        (
            argument("GEOMETRIES", "conformations in the SPICE layout"),
            argument(
                "--chunk",
                "conformations a process takes at a time (by the theory)",
                type=options.count,
            ),
            argument(
                "--max-hours",
                "start nothing after this time; write what is finished",
                type=options.hours,
            ),
            argument("--earlier-labels", "labelled file: its conformations are not computed again"),
            argument("--retry-failed", "compute again what failed before", action="store_true"),
            _JOBS,
            _THEORY,
        ),
    ),
    Command(
        "data check-labels",
        "e3d_labels.check:check_labels",
        "Compute random conformations of LABELS again.",
        (
            argument("LABELS", "labelled file"),
            argument("--n", "conformations", type=options.count, default=20),
            argument("--seed", "of the choice", type=options.natural, default=0),
            _JOBS,
            _THEORY,
        ),
    ),
    Command(
        "data atoms",
        "e3d_labels.atoms:write_atoms",
        "Compute the energies of isolated neutral atoms.",
        (
            argument("--elements", type=str, nargs="+", required=True, metavar="ELEMENT"),
            _THEORY,
        ),
    ),
    Command(
        "data fit-atoms",
        "e3d_labels.fitted_atoms:fit_atoms",
        "Fit isolated atoms of a theory that has none to the frames of STORE.",
        (argument("STORE", "neutral molecules at the level that is fitted"), _THEORY),
    ),
    Command(
        "data references",
        "e3d_labels.reference_geometries:write_reference_geometries",
        "Write the geometries a TABLE of named bonds needs.",
        (_BONDS,),
    ),
    Command(
        "data reference-energies",
        "e3d_labels.reference_energies:write_reference_energies",
        "De and mean bond energies from LABELS.",
        (
            argument("LABELS", "labelled geometries of the references"),
            _BONDS,
            argument(
                "--barriers",
                "table of barrier heights to write as well",
                writes=True,
                required=True,
            ),
        ),
    ),
    Command(
        "data cleavages",
        "e3d_labels.cleavages:write_cleavages",
        "Relax MOLECULES, and the radicals that each of their single bonds leaves, by GFN2-xTB.",
        (argument("MOLECULES", "list of SMILES"), _JOBS),
    ),
    Command(
        "data cleavage-energies",
        "e3d_labels.cleavage_energies:write_cleavage_energies",
        "De of every single bond from LABELS.",
        (argument("LABELS", "labelled geometries of the cleavages"),),
    ),
    Command(
        "data enumerate-reactions",
        "e3d_labels.enumerate_reactions:enumerate_reactions",
        "Write a table of unimolecular reactions of MOLECULES, for `data reactions`.",
        (
            argument("MOLECULES", "list of SMILES"),
            argument("--n", "reactions", type=options.count, default=160),
            argument("--seed", "of the choice", type=options.natural, default=0),
        ),
    ),
    Command(
        "data reactions",
        "e3d_labels.reactions:find_paths",
        "Find the paths of REACTIONS by NEB at GFN2-xTB.",
        (
            argument("REACTIONS", "table of reactions"),
            argument(
                "--images",
                "of a path, ends included (default: 9)",
                type=options.count,
                default=9,
            ),
            _JOBS,
        ),
    ),
    Command(
        "data scans",
        "e3d_labels.stretch:stretch_bonds",
        "Stretch bonds of TABLE from relaxed MOLECULES.",
        (
            _BONDS,
            argument("MOLECULES", "relaxed molecules"),
            argument(
                "--bonds",
                "names of the table's column bond",
                type=str,
                nargs="+",
                required=True,
                metavar="BOND",
            ),
        ),
    ),
    Command(
        "data relax",
        "e3d_labels.relax:relax_named",
        "Relax the molecules of a TABLE of named bonds by GFN2-xTB.",
        (_BONDS,),
    ),
)
"""What this package adds to the program ``e3d``."""

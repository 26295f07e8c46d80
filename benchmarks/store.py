"""Writing and reading the store, against a plain h5py read of the same bytes.

    python benchmarks/store.py -o results/benchmarks/store.csv [--sizes 50000 100000 200000]

Generates files in the SPICE layout (25 atoms, 50 conformations a group), reads each into a store in
a process of its own, and reads random batches of 64 frames. Peers, in the same run: reading every
array of the source with h5py, group by group; and reading the same frames from the same store by
h5py slices. Times are medians of several rounds; the page cache is warm for both sides.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from measure import (
    Row,
    compare,
    finish,
    growth_row,
    in_child,
    log,
    markdown_table,
    pair_of,
    parser,
    row,
    seconds,
)
from rdkit import Chem
from rdkit.Chem import AllChem
from springs import conformations

from e3d.chemistry import molecule, symbol
from e3d.fields import Store as F
from e3d.store.convert import write_store
from e3d.store.reader import StoreReader
from e3d.theory import SPICE
from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG

ATOMS, PER_GROUP, BATCH = 25, 50, 64
_UNITS = ("C", "C", "C", "C(F)", "C(O)", "O", "N", "C(=O)", "C(C)", "S")
_READ = (
    "conformations",
    "dft_total_energy",
    "dft_total_gradient",
    "atomic_numbers",
    "smiles",
    "subset",
)


def molecules(rng: np.random.Generator) -> Iterator[str]:
    """Yield mapped SMILES of different molecules of 25 atoms."""
    seen = set()
    while True:
        mol = Chem.MolFromSmiles("C" + "".join(rng.choice(_UNITS, size=rng.integers(5, 12))))
        mol = Chem.AddHs(mol)
        name = Chem.MolToSmiles(mol)
        if mol.GetNumAtoms() != ATOMS or name in seen:
            continue
        seen.add(name)
        for atom in mol.GetAtoms():
            atom.SetAtomMapNum(atom.GetIdx() + 1)
        yield str(Chem.MolToSmiles(mol))


def generate(path: Path, frames: int) -> None:
    """Write a file in the SPICE layout: molecules that springs between all atoms hold together."""
    rng = np.random.default_rng(0)
    names = molecules(rng)
    with h5py.File(path, "w") as file:
        for index in range(frames // PER_GROUP):
            smiles = next(names)
            numbers = np.array(molecule(smiles).atomic_numbers, dtype=np.int16)
            atoms = sum(SPICE.isolated_atom_energy[symbol(int(z))] for z in numbers) / HARTREE_EV
            positions, energy, gradient = _labels(smiles, rng)
            formation = energy / HARTREE_EV - 4.0
            group = file.create_group(f"m{index}")
            text = h5py.string_dtype()
            group.create_dataset("smiles", data=[smiles], dtype=text)
            group.create_dataset(
                "subset", data=["SPICE PubChem Set 1 Single Points Dataset v1.3"], dtype=text
            )
            group["atomic_numbers"] = numbers
            group["conformations"] = (positions / BOHR_ANG).astype(np.float32)
            group["formation_energy"] = formation
            group["dft_total_energy"] = formation + atoms
            gradient = gradient / HARTREE_PER_BOHR_EV_PER_ANG
            group["dft_total_gradient"] = gradient.astype(np.float32)


def _labels(
    smiles: str, rng: np.random.Generator
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return coordinates, energies and gradients of one molecule's frames, in eV and Å."""
    parameters = Chem.SmilesParserParams()
    parameters.removeHs = False
    mol = Chem.MolFromSmiles(smiles, parameters)
    AllChem.EmbedMolecule(mol, randomSeed=1)
    order = np.argsort([atom.GetAtomMapNum() for atom in mol.GetAtoms()])
    rest = mol.GetConformer().GetPositions()[order]
    return conformations(rest, PER_GROUP, rng)


def plain_read(path: Path) -> None:
    """Read every array a store is made from, with h5py alone."""
    with h5py.File(path) as file:
        for group in file.values():
            for key in _READ:
                group[key][()]


def plain_batch(file: h5py.File, pointers: np.ndarray, frames: np.ndarray) -> None:
    """Read frames of a store by h5py slices."""
    for f in frames:
        rows = slice(pointers[f], pointers[f + 1])
        for name in (F.POSITIONS, F.FORCES, F.ATOMIC_NUMBERS):
            file[name][rows]
        file[F.ENERGY][f]


def measure(frames: int, folder: Path, rounds: int) -> list[Row]:
    """Return the rows of one size."""
    source, store = folder / f"{frames}.hdf5", folder / f"{frames}.h5"
    generate(source, frames)
    plain_read(source)  # warm the page cache for both
    turns = [
        (in_child(partial(write_store, source, store)), seconds(partial(plain_read, source)))
        for _ in range(rounds)
    ]
    written = pair_of([cost.seconds for cost, _ in turns], [time for _, time in turns])
    facts = {"frames": frames, "peak_GB": round(max(cost.peak_mb for cost, _ in turns) / 1e3, 3)}
    rng = np.random.default_rng(1)
    batches = [rng.integers(0, frames, BATCH) for _ in range(50)]
    with StoreReader(store) as reader, h5py.File(store) as plain:

        def ours() -> None:
            for frame in (int(f) for batch in batches for f in batch):
                reader.frame(frame)

        def peer() -> None:
            for batch in batches:
                plain_batch(plain, reader.frame_ptr, batch)

        batch = compare(ours, peer, rounds=rounds)
    batch = replace(batch, ours=batch.ours / len(batches), peer=batch.peer / len(batches))
    source.unlink()
    store.unlink()
    log.info(
        "%d frames: write %.1f s, plain read %.1f s, peak %.2f GB",
        frames,
        written.ours,
        written.peer,
        facts["peak_GB"],
    )
    return [
        row(
            f"write store, {frames} frames",
            written,
            unit="s",
            peer_name="h5py read of the source",
            **facts,
        ),
        row(
            f"random batch of {BATCH}, {frames} frames",
            batch,
            unit="s",
            peer_name="h5py slices of the store",
            **facts,
        ),
    ]


def growth(rows: list[Row]) -> Row:
    """Return the slope of log time against log frames of writing: 1 is linear."""
    written = [row for row in rows if row["case"].startswith("write")]
    frames, times = ([row[key] for row in written] for key in ("frames", "ours"))
    return growth_row("growth of writing", frames, times, of="time", against="frames")


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table as it stands in docs/datasets.md."""
    written = table[table["case"].str.startswith("write")].to_dict("records")
    batches = table[table["case"].str.startswith("random")].to_dict("records")
    rows = [
        (
            f"{int(write['frames']):,}",
            f"{write['ours']:.1f}",
            f"{1 / write['ratio']:.1f}",
            f"{write['peak_GB']:.2f}",
            f"{batch['ours'] * 1e3:.1f}",
            f"{1 / batch['ratio']:.2f}",
        )
        for write, batch in zip(written, batches, strict=True)
    ]
    head = ("frames", "write, s", "times h5py", "peak memory, GB", "batch, ms", "times h5py")
    slope = table.loc[table["case"] == "growth of writing", "ours"].item()
    grown = f"Time of writing grows as frames to the power {slope:.2f}."
    return f"{markdown_table(head, rows)}\n\n{grown}"


def main() -> None:
    """Measure every size and write the table."""
    options = parser(__doc__)
    options.set_defaults(rounds=3)
    options.add_argument("--sizes", type=int, nargs="+", default=[50_000, 100_000, 200_000])
    arguments = options.parse_args()
    if arguments.quick:
        arguments.sizes, arguments.rounds = [200, 400], 1
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.output.parent) as folder:
        rows = [
            row
            for frames in arguments.sizes
            for row in measure(frames, Path(folder), arguments.rounds)
        ]
    if len(arguments.sizes) > 1:
        rows.append(growth(rows))
    finish("bench", rows, arguments, as_markdown)


if __name__ == "__main__":
    main()

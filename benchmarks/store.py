"""Writing and reading the store, against a plain h5py read of the same bytes.

    python benchmarks/store.py -o results/benchmarks/store.csv [--sizes 50000 100000 200000]

Generates files in the SPICE layout (25 atoms, 50 conformations a group), reads each into a store in a
process of its own, and reads random batches of 64 frames. Peers, in the same run: reading every
array of the source with h5py, group by group; and reading the same frames from the same store by
h5py slices. Times are medians of several repeats; the page cache is warm for both sides.
"""

import argparse
import json
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from rdkit import Chem

from e3d import provenance, tables
from e3d.chemistry import molecule, symbol
from e3d.data.read import read_entry
from e3d.data.store import StoreReader
from e3d.data.theory import SPICE
from e3d.fields import Store as F
from e3d.publish import fill_blocks
from e3d.units import HARTREE_EV

log = logging.getLogger(__name__)

ATOMS, PER_GROUP, BATCH = 25, 50, 64
_UNITS = ("C", "C", "C", "C(F)", "C(O)", "O", "N", "C(=O)", "C(C)", "S")
_READ = ("conformations", "dft_total_energy", "dft_total_gradient", "atomic_numbers", "smiles", "subset")


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
    """Write a file in the SPICE layout; coordinates and labels are random numbers of the right size."""
    rng = np.random.default_rng(0)
    names = molecules(rng)
    with h5py.File(path, "w") as file:
        for index in range(frames // PER_GROUP):
            smiles = next(names)
            numbers = np.array(molecule(smiles).atomic_numbers, dtype=np.int16)
            atoms = sum(SPICE.isolated_atom_energy[symbol(int(z))] for z in numbers) / HARTREE_EV
            formation = rng.normal(-4.0, 0.05, size=PER_GROUP)
            group = file.create_group(f"m{index}")
            text = h5py.string_dtype()
            group.create_dataset("smiles", data=[smiles], dtype=text)
            group.create_dataset("subset", data=["SPICE PubChem Set 1 Single Points Dataset v1.3"], dtype=text)
            group["atomic_numbers"] = numbers
            group["conformations"] = rng.normal(scale=5.0, size=(PER_GROUP, ATOMS, 3)).astype(np.float32)
            group["formation_energy"] = formation
            group["dft_total_energy"] = formation + atoms
            group["dft_total_gradient"] = rng.normal(scale=0.02, size=(PER_GROUP, ATOMS, 3)).astype(np.float32)


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


def timed(call: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def write_in_child(source: Path, store: Path) -> tuple[float, float]:
    """Read ``source`` into ``store`` in a process of its own; return seconds and its peak memory in GB."""
    command = [sys.executable, __file__, "--child", str(source), "-o", str(store)]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return done["seconds"], done["peak_GB"]


def child(source: Path, store: Path) -> None:
    """Read one file and say on standard output what it took."""
    start = time.perf_counter()
    read_entry(source, store, {})
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_GB": peak}))


def measure(frames: int, folder: Path, repeats: int) -> list[dict[str, object]]:
    """Return the rows of one size."""
    source, store = folder / f"{frames}.hdf5", folder / f"{frames}.h5"
    generate(source, frames)
    plain_read(source)
    peer = timed(lambda: plain_read(source), repeats)
    runs = [write_in_child(source, store) for _ in range(repeats)]
    ours = statistics.median(seconds for seconds, _ in runs)
    peak = max(gigabytes for _, gigabytes in runs)
    rng = np.random.default_rng(1)
    with StoreReader(store) as reader, h5py.File(store) as plain:
        batches = [rng.integers(0, frames, BATCH) for _ in range(50)]
        for batch in batches:  # warm the page cache for both
            plain_batch(plain, reader.frame_ptr, batch)
        random_ours = timed(lambda: [[reader.frame(int(f)) for f in batch] for batch in batches], repeats) / len(
            batches
        )
        random_peer = timed(lambda: [plain_batch(plain, reader.frame_ptr, b) for b in batches], repeats) / len(batches)
    source.unlink()
    store.unlink()
    facts = {"unit": "s", "frames": frames, "peak_GB": round(peak, 3)}
    log.info("%d frames: write %.1f s, plain read %.1f s, peak %.2f GB", frames, ours, peer, peak)
    return [
        {"case": f"write store, {frames} frames", "ours": ours, "peer": peer, "ratio": peer / ours}
        | facts
        | {"peer_name": "h5py read of the source"},
        {"case": f"random batch of {BATCH}, {frames} frames", "ours": random_ours, "peer": random_peer}
        | {"ratio": random_peer / random_ours}
        | facts
        | {"peer_name": "h5py slices of the store"},
    ]


def growth(rows: list[dict[str, object]]) -> dict[str, object]:
    """Return the slope of log time against log frames of writing: 1 is linear."""
    written = [row for row in rows if str(row["case"]).startswith("write")]
    frames, seconds = (np.log([float(str(row[key])) for row in written]) for key in ("frames", "ours"))
    slope = float(np.polyfit(frames, seconds, 1)[0])
    return {
        "case": "growth of writing",
        "ours": slope,
        "peer": 1.0,
        "ratio": 1.0 / slope,
        "unit": "log-log slope of time against frames",
        "peer_name": "linear",
    }


def as_markdown(table: pd.DataFrame) -> str:
    """Return the table as it stands in docs/datasets.md."""
    lines = ["| frames | write the store (s) | times a plain h5py read of the source | peak memory (GB) |"]
    lines[0] += " random batch of 64 (ms) | times h5py slices |"
    lines.append("|---|---|---|---|---|---|")
    written = table[table["case"].str.startswith("write")]
    batches = table[table["case"].str.startswith("random")]
    for (_, write), (_, batch) in zip(written.iterrows(), batches.iterrows(), strict=True):
        cells = [f"{int(write['frames']):,}", f"{write['ours']:.1f}", f"{1 / write['ratio']:.1f}"]
        cells += [f"{write['peak_GB']:.2f}", f"{batch['ours'] * 1e3:.1f}", f"{1 / batch['ratio']:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    slope = table.loc[table["case"] == "growth of writing", "ours"].item()
    return "\n".join([*lines, "", f"Time of writing grows as frames to the power {slope:.2f}."])


def main() -> None:
    """Measure every size and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 100_000, 200_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--docs", type=Path, help="also write the table into the marked block of this file")
    parser.add_argument("--child", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO if arguments.child is None else logging.WARNING, format="%(message)s")
    if arguments.child is not None:
        child(arguments.child, arguments.output)
        return
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.output.parent) as folder:
        rows = [row for frames in arguments.sizes for row in measure(frames, Path(folder), arguments.repeats)]
    if len(arguments.sizes) > 1:
        rows.append(growth(rows))
    table = pd.DataFrame(rows)
    tables.write(table, arguments.output, settings={"sizes": arguments.sizes, "repeats": arguments.repeats})
    if arguments.docs is not None:
        text = arguments.docs.read_text(encoding="utf-8")
        block = {"bench": as_markdown(tables.read(arguments.output))}
        provenance.write_text(arguments.docs, fill_blocks(text, block, str(arguments.docs)))


if __name__ == "__main__":
    main()

"""Datasets of every layout, and stores, with bytes flipped and parts replaced."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import fuzz_inputs as inputs
import h5py
import mutations
import numpy as np
import pytest
from fuzzing import Try

from e3d.units import BOHR_ANG, HARTREE_EV, HARTREE_PER_BOHR_EV_PER_ANG

CASES = {"spice": 70, "layouts": 90, "stores": 60}
"""Cases of a kind in the seeded part."""


@pytest.mark.parametrize("kind", CASES)
def test_data(kind: str, fuzzed: Callable[[str, int], None]) -> None:
    fuzzed(f"{__name__}:{kind}", CASES[kind])


# --- the process of the cases


def prepare(base: Path) -> None:
    """Write the unmutated inputs, and the stores that they give."""
    from study.cli import main

    spice = inputs.write_spice(base / "spice.hdf5")
    inputs.write_ani1x(base / "ani1x.h5", spice)
    inputs.write_transition1x(base / "transition1x.h5", spice)
    inputs.write_extxyz(base / "extxyz.xyz", spice)
    inputs.write_json(base / "mptrj.json", inputs.mptrj())
    inputs.write_json(base / "matpes.json", inputs.matpes())
    inputs.write_morse(base / "morse.pair.yaml")
    for path in LAYOUTS.values():
        assert main([*reading(base / path), "-o", str(base / f"{path}.store.h5")]) == 0
    store = base / "spice.hdf5.store.h5"
    shares = ["--test-molecules", "0.2", "--test-conformations", "0.3", "--validation", "0.2"]
    assert main(["data", "split", str(store), *shares, "-o", str(base / "splits.parquet")]) == 0
    for name, argv in uses(base, store).items():
        assert main([*argv, "-o", str(base / name)]) == 0


LAYOUTS = {
    "spice": "spice.hdf5",
    "ani1x": "ani1x.h5",
    "transition1x": "transition1x.h5",
    "extxyz": "extxyz.xyz",
    "mptrj": "mptrj.json",
    "matpes": "matpes.json",
}
EMT_ATOMS = ("Cu=0", "Ni=0", "Al=0")


def reading(path: Path) -> list[str]:
    """Return the command that reads a dataset's file, by its name."""
    layout = path.name.partition(".")[0]
    argv = ["data", "read", str(path), "--layout", layout]
    if layout in ("mptrj", "matpes"):
        return [*argv, "--theory", "EMT", "--isolated-atom-energy", *EMT_ATOMS]
    return argv


def uses(base: Path, store: Path) -> dict[str, list[str]]:
    """Return commands that use a store, by the file that each writes."""
    splits = str(base / "splits.parquet")
    return {
        "subset.csv": ["data", "subset", str(store), "--splits", splits, "--n", "8"],
        "errors.csv": ["evaluate", str(base / "morse.pair.yaml"), str(store)],
        "splits2.parquet": ["data", "split", str(store), "--test-molecules", "0.3"],
        "bonds": ["decompose", str(base / "morse.pair.yaml"), str(store)],
    }


def spice(rng: Random, base: Path, folder: Path) -> Try:
    """A file in SPICE's layout: its bytes, or its parts; sometimes with its checksum."""
    return _dataset("spice", rng, base, folder)


def layouts(rng: Random, base: Path, folder: Path) -> Try:
    """A file in any other layout."""
    return _dataset(rng.choice(list(LAYOUTS)[1:]), rng, base, folder)


def _dataset(layout: str, rng: Random, base: Path, folder: Path) -> Try:
    path = inputs.copied(base / LAYOUTS[layout], folder)
    if path.suffix in (".h5", ".hdf5"):
        what = _other_bytes(path, rng) if rng.random() < 0.5 else _other_parts(path, rng)
    elif path.suffix == ".json":
        what = _other_json(path, layout, rng)
    else:
        what, text = mutations.of_text(path.read_text(), rng, " =")
        path.write_text(text, newline="")
    output = folder / "store.h5"
    argv = [*reading(path), "-o", str(output)]
    usual = base / f"{path.name}.store.h5"
    return Try(f"{layout}: {what}", argv, lambda: _of_dataset(output, usual, path, layout))


def _other_bytes(path: Path, rng: Random) -> str:
    what, content = mutations.of_bytes(path.read_bytes(), rng)
    path.write_bytes(content)
    return what


def _other_json(path: Path, layout: str, rng: Random) -> str:
    if rng.random() < 0.4:
        what, text = mutations.of_text(path.read_text().replace(", ", ",\n"), rng, ":,[]{} ")
        path.write_text(text)
        return what
    content: Any = {"mptrj": inputs.mptrj, "matpes": inputs.matpes}[layout]()
    what = mutations.of_tree(content, rng)
    inputs.write_json(path, content)
    return what


def _other_parts(path: Path, rng: Random) -> str:
    """Replace something in an HDF5 file by something else that HDF5 can hold."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = rng.choice(names)
        parent, key = file[name].parent, name.rpartition("/")[2]
        if rng.random() < 0.3:
            return f"{name}: {_other_link(parent, key, rng)}"
        if isinstance(file[name], h5py.Group):
            return f"{name}: {_other_attribute(file[name], rng)}"
        return f"{name}: {_other_array(parent, key, rng)}"


def _other_link(parent: h5py.Group, key: str, rng: Random) -> str:
    kind = rng.choice(("dropped", "soft", "dangling", "external", "loop", "renamed", "group"))
    if kind == "renamed":
        parent.move(key, key + rng.choice(("x", " ", "\n", "é", "\x1b[2J")))
        return kind
    others = [name for name in parent if name != key]
    del parent[key]
    if kind == "soft" and others:
        parent[key] = h5py.SoftLink(f"{parent.name}/{rng.choice(others)}")
    elif kind == "dangling":
        parent[key] = h5py.SoftLink("/nowhere")
    elif kind == "external":
        parent[key] = h5py.ExternalLink(rng.choice(("none.h5", "/dev/zero", "x\n")), "/a")
    elif kind == "loop":
        parent[key] = h5py.SoftLink(f"{parent.name}/{key}")
    elif kind == "group":
        parent.create_group(key)
    return kind


def _other_attribute(item: h5py.Group | h5py.Dataset, rng: Random) -> str:
    name = rng.choice(("units", "unit", "u", "charge", "format", "elements"))
    value = rng.choice(("eV", "angstrom", "furlong", b"\xff\xfe", 7, np.nan, "", "é" * 500, [1, 2]))
    item.attrs[name] = value
    return f"attribute {name} = {str(value)[:40]!r}"


def _other_array(parent: h5py.Group, key: str, rng: Random) -> str:
    kind = rng.choice(
        ("type", "shape", "value", "value", "several", "text", "empty", "scaled", "attribute")
    )
    if kind == "attribute":
        return _other_attribute(parent[key], rng)
    values = np.asarray(parent[key][()])
    del parent[key]
    numbers = values.dtype.kind in "iuf"
    if kind == "type" and numbers:
        new = rng.choice(("i1", "f2", "c16", "S8", "?", "u8", ">f8", "f4"))
        values = values.astype(new)
    elif kind == "shape":
        turned = [values.T, values[None], values.ravel(), values[1:], np.repeat(values, 2, axis=0)]
        values = rng.choice(turned) if values.ndim else values[None]
    elif kind in ("value", "several") and numbers and values.size:
        values = values.astype(float)
        for _ in range(1 if kind == "value" else 5):
            new = rng.choice((np.nan, np.inf, 0.0, -1.0, 1e-300, 1e300, 3.7, 1e7))
            values.flat[rng.randrange(values.size)] = new
    elif kind == "scaled" and numbers:
        values = values * rng.choice((-1.0, HARTREE_EV, BOHR_ANG, 10.0, 0.0, 1e6))
    elif kind == "empty":
        values = values[:0] if values.ndim else np.empty(0)
    elif kind == "text":
        parent[key] = rng.choice(("text", b"\xff\xfe", "", "C" * 2000, "[H:1][H:2"))
        return kind
    parent[key] = values
    return kind


def _of_dataset(output: Path, usual: Path, path: Path, layout: str) -> str:
    """Compare a store with that of the unmutated file, else with what the mutated file says."""
    if inputs.store_arrays(output) == inputs.store_arrays(usual):
        return "the same"
    with h5py.File(output) as store:
        energies, forces = store["energy"][()], store["forces"][()]
        positions = store["positions"][()]
    for name, values in (("energies", energies), ("forces", forces), ("positions", positions)):
        if not np.isfinite(values).all():
            return f"{name} that are not finite"
    if layout != "spice":
        return "another"
    return _as_written(path, energies, forces, positions)


def _as_written(path: Path, energies: Any, forces: Any, positions: Any) -> str:
    """Say whether every number of a store stands in the mutated file of SPICE's layout."""
    written: dict[str, list[Any]] = {"energies": [], "forces": [], "positions": []}
    with h5py.File(path) as file:
        for name in file:
            group = file[name]
            try:
                written["energies"].append(np.ravel(group["dft_total_energy"][()]) * HARTREE_EV)
                gradient = np.ravel(group["dft_total_gradient"][()])
                written["forces"].append(-gradient * HARTREE_PER_BOHR_EV_PER_ANG)
                written["positions"].append(np.ravel(group["conformations"][()]) * BOHR_ANG)
            except (KeyError, TypeError, OSError, ValueError):  # a group that is left out
                continue
    for name, found in (("energies", energies), ("forces", forces), ("positions", positions)):
        known = np.unique(np.concatenate(written[name]).astype(found.dtype))
        at = np.clip(np.searchsorted(known, found.ravel()), 1, len(known) - 1)
        near = np.minimum(abs(known[at] - found.ravel()), abs(known[at - 1] - found.ravel()))
        limit = 1e-6 * np.abs(found.ravel()) + 1e-6  # conversion in float32
        if (near > limit).any():
            return f"{name} that the file does not hold"
    return "another"


def stores(rng: Random, base: Path, folder: Path) -> Try:
    """A store: its bytes, or its parts."""
    path = inputs.copied(base / "spice.hdf5.store.h5", folder)  # tables say the file's name
    what = _other_bytes(path, rng) if rng.random() < 0.6 else _other_parts(path, rng)
    name, argv = rng.choice(list(uses(base, path).items()))
    output = folder / name
    return Try(
        f"{argv[0]} {argv[1] if argv[0] == 'data' else ''}: {what}",
        [*argv, "-o", str(output)],
        lambda: _of_store(output, base / name),
    )


def _of_store(output: Path, usual: Path) -> str:
    """A store carries the hash of its content, so that no change of it is taken for it."""
    files = [output, usual]
    if output.is_dir():
        mine, theirs = (inputs.bonds_of(folder) for folder in files)
        return "the same" if mine.equals(theirs) else "other rows from a changed store"
    mine, theirs = (file.read_bytes() for file in files)
    if output.suffix == ".csv":
        return "the same" if mine == theirs else "another table from a changed store"
    import pandas as pd

    same = pd.read_parquet(output).equals(pd.read_parquet(usual))
    return "the same" if same else "another table from a changed store"

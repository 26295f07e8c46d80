"""Tables: Parquet and CSV with bytes flipped, words replaced, columns renamed, rows repeated."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import fuzz_inputs as inputs
import mutations
import numpy as np
import pandas as pd
import pytest
from fuzzing import Try

CASES = {"parquet": 50, "collected": 30, "study": 15}
"""Cases of a kind in the seeded part."""
FIGURES = ("parity", "learning", "molecules", "entropy", "gauge", "null")


@pytest.mark.parametrize("kind", CASES)
def test_tables(kind: str, fuzzed: Callable[[str, int], None]) -> None:
    fuzzed(f"{__name__}:{kind}", CASES[kind])


# --- the process of the cases


def prepare(base: Path) -> None:
    """Make a store with splits, and what is made from them; copy the tables of a study."""
    from study.cli import main

    spice = inputs.write_spice(base / "spice.hdf5")
    inputs.write_morse(base / "morse.pair.yaml")
    store, splits = base / "store.h5", base / "splits.parquet"
    shares = ["--test-molecules", "0.2", "--test-conformations", "0.3", "--validation", "0.2"]
    for argv in (
        ["data", "read", str(spice), "-o", str(store)],
        ["data", "split", str(store), *shares, "-o", str(splits)],
        *([*argv, "-o", str(base / name)] for name, argv in uses(base, splits).items()),
    ):
        assert main(argv) == 0, argv
    for run in ("a/n8/x/s0", "a/n8/x/s1", "a/n16/x/s0"):
        columns = dict(zip(("dataset", "n_train", "model", "seed"), run.split("/"), strict=True))
        columns |= {"n_train": int(columns["n_train"][1:]), "seed": int(columns["seed"][1:])}
        table = pd.DataFrame({"run": run, **columns, "bond_type": ["C-H", "C-C"], "r_ang": [1, 2]})
        table.to_csv(base / f"{run.replace('/', '-')}.csv", index=False)
    published = inputs.ROOT / "results" / "published" / "default"
    shutil.copytree(published, base / "default", ignore=shutil.ignore_patterns("figures"))


def uses(base: Path, splits: Path) -> dict[str, list[str]]:
    """Return commands that use splits, by the file that each writes."""
    store, morse = str(base / "store.h5"), str(base / "morse.pair.yaml")
    return {
        "subset.csv": ["data", "subset", store, "--splits", str(splits), "--n", "8"],
        "errors.csv": ["evaluate", morse, store, "--splits", str(splits)],
    }


def parquet(rng: Random, base: Path, folder: Path) -> Try:
    """The table of splits: its bytes, or its columns and rows."""
    path = inputs.copied(base / "splits.parquet", folder)
    by_hand = rng.random() < 0.4  # a table of the user's own, which is the user's choice
    if not by_hand:
        what, content = mutations.of_bytes(path.read_bytes(), rng)
        path.write_bytes(content)
    else:
        what = _other_table(path, rng)
    name, argv = rng.choice(list(uses(base, path).items()))
    output = folder / name

    def wrong() -> str:
        if output.read_bytes() == (base / name).read_bytes():
            return "the same"
        return "another" if by_hand else "another table from damaged splits"

    return Try(f"{argv[0]}: {what}", [*argv, "-o", str(output)], wrong)


def _other_table(path: Path, rng: Random) -> str:
    """Change columns or rows of a Parquet table; what it says of its origin goes."""
    table = pd.read_parquet(path)
    kind = rng.choice(("rename", "drop", "type", "value", "rows", "twice", "shuffled", "empty"))
    column = rng.choice(list(table.columns))
    if kind == "rename":
        table = table.rename(columns={column: rng.choice(("x", "", column.upper(), f"{column} "))})
    elif kind == "drop":
        table = table.drop(columns=column)
    elif kind == "type":
        table[column] = table[column].astype(rng.choice(("str", "category", "string")))
    elif kind == "value":
        table[column] = table[column].astype(object)
        table.loc[rng.randrange(len(table)), column] = rng.choice((None, "x", -1, 10**9, 1.5))
        table[column] = table[column].astype(str)
    elif kind == "rows":
        table = table.drop(index=rng.randrange(len(table)))
    elif kind == "twice":
        table = pd.concat([table, table.iloc[[rng.randrange(len(table))]]])
    elif kind == "shuffled":
        table[column] = table[column].sample(frac=1, random_state=rng.randrange(99)).to_numpy()
    else:
        table = table[:0]
    table.to_parquet(path, index=False)
    return f"{column}: {kind}"


def collected(rng: Random, base: Path, folder: Path) -> Try:
    """One of the tables that are stacked."""
    paths = [inputs.copied(path, folder) for path in sorted(base.glob("a-*.csv"))]
    changed = rng.choice(paths)
    if rng.random() < 0.8:
        what, text = mutations.of_text(changed.read_text(), rng, ",")
        changed.write_text(text, newline="")
    else:
        what, content = mutations.of_bytes(changed.read_bytes(), rng)
        changed.write_bytes(content)
    output = folder / "all.csv"
    argv = ["collect", *map(str, paths), "-o", str(output)]
    return Try(what, argv, lambda: _of_collected(output, paths))


def _of_collected(output: Path, paths: list[Path]) -> str:
    """Say whether the stacked rows are those that the files hold."""
    rows = []
    for path in paths:
        lines = re.split("\r\n|\r|\n", path.read_bytes().decode(errors="replace"))
        rows += [line for line in lines if line.strip(", ")][1:]
    found = pd.read_csv(output)
    if len(found) != len(rows):
        return f"{len(found)} rows from {len(rows)}"
    expected = pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)
    for column in expected.select_dtypes("number"):
        one, other = (np.sort(table[column].to_numpy(float)) for table in (expected, found))
        if not np.allclose(one, other, equal_nan=True, rtol=1e-9):
            return f"other numbers of {column}"
    return "another"


def study(rng: Random, base: Path, folder: Path) -> Try:
    """A table of a study that figures and findings are made from."""
    copy = folder / "default"
    shutil.copytree(base / "default", copy)
    changed = rng.choice(sorted(copy.glob("*/*.csv")))
    if rng.random() < 0.85:
        what, text = mutations.of_text(changed.read_text(), rng, ",")
        changed.write_text(text, newline="")
    else:
        what, content = mutations.of_bytes(changed.read_bytes(), rng)
        changed.write_bytes(content)
    what = f"{changed.relative_to(copy)}: {what}"
    if rng.random() < 0.2:
        argv = ["figures", str(copy), "--name", rng.choice(FIGURES), "-o", str(folder / "a.png")]
    else:
        argv = ["findings", str(copy), "-o", str(folder / "findings.md")]
    return Try(f"{argv[0]}: {what}", argv, lambda: "another")

"""Barriers of a run on reaction paths, and which of the reactions it was trained on.

Paths were found by GFN2-xTB (``e3d data reactions``), whose energies are the barriers of runs that
were trained on its labels. Some runs train on frames of a half of the reactions: they are asked of
the other half.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from e3d import tables
from e3d.arrays import Floats, Ints, Masks
from e3d.chemistry import flat
from e3d.errors import InputError
from e3d.fields import RUN_COLUMNS
from e3d.fields import Column as C
from e3d.fields import Store as F
from e3d.potential import LoadedModel
from e3d.store.layouts.spice import PATH_SUBSET
from e3d.store.reader import StoreReader
from study.agreeing_tables import require_agreement
from study.answers.fields import BARRIER, LABEL
from study.reactivity import fields as of_reactions
from study.reactivity.barriers import barrier_table
from study.reactivity.labelled import read_paths
from study.reactivity.reactions import of_paths

REACTION: Final = (of_reactions.REACTION, of_reactions.DIRECTION)
"""What a barrier is known by."""


@dataclass(frozen=True)
class Barriers:
    """Errors of S runs with, and as many without, frames of paths, for B barriers; eV.

    Parameters
    ----------
    about
        The runs, in words.
    seeds
        Of the runs (S,).
    with_paths, without
        Model less label (S, B), of runs that were not trained on the barrier's reaction.
    molecule
        Number of each barrier's reactant (B,): its reactions are no independent ones.
    """

    about: str
    seeds: tuple[int, ...]
    with_paths: Floats
    without: Floats
    molecule: Ints

    def gain(self, keep: Masks, seeds: Ints) -> float:
        """Return the mean absolute error with such frames less that without."""
        some = np.ix_(seeds, keep)
        return float(np.abs(self.with_paths[some]).mean() - np.abs(self.without[some]).mean())


def run_table(
    model: LoadedModel, paths: Sequence[Path], store: StoreReader, frames: Ints
) -> pd.DataFrame:
    """Return a row per reaction and direction: the model's barrier, its label, both in eV.

    Labels are those of a run at the paths' own level of theory, NaN of another. A reaction was
    trained on where ``frames`` (F,) of the store hold images of a path of its reactant.

    Raises
    ------
    InputError
        If two reactions have one name.
    """
    theory = str(store.attributes["theory"])
    found = [path for file in paths for path in read_paths(file)]
    names = Counter(path.name for path in found)
    if twice := [name for name, times in names.items() if times > 1]:
        raise InputError(
            f"{', '.join(map(str, paths))}: reaction {twice[0]!r} is there twice - allowed is "
            "once, since barriers are known by its name. Give each file once, or rename it."
        )
    reactants = {path.name: path.structures[0].smiles for path in found}
    table, _ = barrier_table(model, of_paths(found, theory), None)
    rows = table.rename(columns={of_reactions.MODEL_EV: BARRIER, of_reactions.LABEL_EV: LABEL})
    rows = rows[[*REACTION, BARRIER, LABEL]].copy()
    rows[C.MOLECULE] = rows[of_reactions.REACTION].map(reactants)
    trained = _reactants_in(store, frames)
    rows[C.IN_TRAINING] = [flat(one) in trained for one in rows[C.MOLECULE]]
    return rows


def _reactants_in(store: StoreReader, frames: Ints) -> set[str]:
    """Return the flat SMILES of the reactants of whose paths ``frames`` (F,) hold images."""
    of_paths = [name.endswith(PATH_SUBSET) for name in store.subset_names]
    images = frames[np.array(of_paths, dtype=bool)[store[F.SUBSET][frames]]]
    molecules = np.unique(store[F.MOLECULE][images])
    return {flat(store.molecule_smiles[int(row)]) for row in molecules}


def read_barriers(path: Path, dataset: str, with_paths: Sequence[str]) -> Barriers | None:
    """Return the barriers of runs with and without frames of paths; None where there are none.

    Those with are of the datasets ``with_paths``; those without are of ``dataset``, of the same N,
    size and seeds.

    Raises
    ------
    InputError
        If the table lacks a column or contradicts itself.
    """
    need = (*RUN_COLUMNS, *REACTION, C.MOLECULE, C.IN_TRAINING, BARRIER, LABEL)
    stacked = tables.read(path, columns=need)
    require_agreement(stacked, path, about=REACTION, same=((REACTION, (LABEL, C.MOLECULE)),))
    unseen = stacked[stacked[LABEL].notna() & ~stacked[C.IN_TRAINING].astype(bool)]
    hybrid = unseen[unseen[C.DATASET].isin(with_paths)]
    if hybrid.empty:
        return None
    largest = hybrid.sort_values(C.N_TRAIN).iloc[-1]
    n_train, model = int(largest[C.N_TRAIN]), str(largest[C.MODEL])
    same = unseen[(unseen[C.N_TRAIN] == n_train) & (unseen[C.MODEL] == model)]
    errors = [_errors(same[same[C.DATASET].isin(names)]) for names in (with_paths, [dataset])]
    seeds = errors[0].columns.intersection(errors[1].columns)
    both = pd.concat([part[seeds] for part in errors], axis=1, keys=[0, 1]).dropna()
    if both.empty:
        return None
    reactants = same.drop_duplicates(list(REACTION)).set_index(list(REACTION))[C.MOLECULE]
    return Barriers(
        f"{' and '.join(with_paths)}, {model}, N = {n_train}",
        tuple(map(int, seeds)),
        both[0].to_numpy().T,
        both[1].to_numpy().T,
        np.unique(reactants[both.index].astype(str), return_inverse=True)[1],
    )


def _errors(runs: pd.DataFrame) -> pd.DataFrame:
    """Return model less label, a row per barrier and a column per seed."""
    error = runs.assign(error=runs[BARRIER] - runs[LABEL])
    return error.pivot_table(index=list(REACTION), columns=C.SEED, values="error", aggfunc="mean")

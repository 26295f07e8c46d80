"""Molecular dynamics with a trained model: D(t) of every bond, its spectrum, and whether it foretells a break.

Four tables per run. ``<run>.dynamics.csv``: a row per molecule, temperature and bond. ``<run>.spectrum.csv``:
power spectra of r and D per class of equivalent bonds. ``<run>.breaking.csv``: which bond breaks first,
foretold by D, by length and by chance. ``<run>.trajectory.csv``: r and D along one replica that breaks.
No label of a broken bond is read: all of it is about the model.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from e3d import tables
from e3d.errors import InputError, choices
from e3d.fields import Column as C
from e3d.options import own_run
from e3d.potential import EdgePotential, Potential
from e3d.statistics import interval_columns
from e3d.structures import Structure, from_file
from study.dynamics import breaking
from study.dynamics.fluctuations import correlation, correlation_time, peak, share_near, spectrum
from study.dynamics.series import Floats, Outcome, Series
from study.dynamics.settings import check_replicas
from study.dynamics.trajectory import Settings, simulate
from study.schema import check, rules_of

log = logging.getLogger(__name__)

TRAINING_K = 500.0
"""Highest temperature of minispice's conformations (and of SPICE's); above it dynamics extrapolate."""
HIGHEST_CM = 4500.0
"""Of a spectrum; no vibration of a molecule is faster."""
SHOWN_FS = 200.0
"""Of the replica that is written out: the time before the break."""
_CLASS = "bond_class"
_BOND = (C.MOLECULE, "temperature_K")
DYNAMICS_COLUMNS = (
    *(*_BOND, "extrapolation", C.I, C.J, C.BOND_TYPE, C.FINE_TYPE, _CLASS),
    *("n_replicas", "n_intact", "n_broken", "n_exploded", "n_broken_below_start"),
    *("median_end_fs", "energy_change_eV", "kinetic_K"),
    *(
        "n_first_breaks",
        "n_samples",
        "r_mean_ang",
        "r_sd_ang",
        "bond_energy_mean_eV",
        "bond_energy_sd_eV",
    ),
    *(*interval_columns("correlation"), "tau_r_fs", "tau_bond_energy_fs"),
    *("n_windows", "peak_r_cm", "peak_bond_energy_cm", "coherence_at_peak_r"),
    *("r_share_at_peak_r", "bond_energy_share_at_peak_r"),
)
SPECTRUM_COLUMNS = (
    *(
        *_BOND,
        C.FINE_TYPE,
        _CLASS,
        "n_windows",
        "frequency_cm",
        "power_r_ang2_cm",
        "power_bond_energy_eV2_cm",
    ),
    "coherence",
)
TRAJECTORY_COLUMNS = (
    *(*_BOND, C.I, C.J, C.BOND_TYPE, C.FINE_TYPE, "breaks", "time_to_break_fs", C.R, C.BOND_ENERGY),
)


def summary(series: Sequence[Series], equilibration: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of bonds and that of spectra; ``equilibration`` is the first sample that counts."""
    rows, lines = [], []
    for one in series:
        shared = _outcomes(one)
        for label in dict.fromkeys(one.bond_class.tolist()):
            members = np.flatnonzero(one.bond_class == label).tolist()
            of_class, found = _spectrum(one, members, equilibration)
            lines += found
            rows += [shared | _bond(one, bond, equilibration) | of_class for bond in members]
    names = ([str(name) for name in columns] for columns in (DYNAMICS_COLUMNS, SPECTRUM_COLUMNS))
    return pd.DataFrame(rows, columns=next(names)), pd.DataFrame(lines, columns=next(names))


def _outcomes(one: Series) -> dict[str, Any]:
    """Return what became of the replicas; the energy change is the mean over those that broke."""
    broken = one.outcome == Outcome.BROKEN
    ended = one.outcome != Outcome.INTACT
    kinetic = one.kinetic_K[np.isfinite(one.kinetic_K)]
    return {
        C.MOLECULE: one.molecule,
        "temperature_K": one.temperature_K,
        "extrapolation": one.temperature_K > TRAINING_K,
        "n_replicas": len(one.outcome),
        **{f"n_{outcome}": int((one.outcome == outcome).sum()) for outcome in Outcome},
        "n_broken_below_start": int((one.energy_change[broken] < 0).sum()),
        "median_end_fs": _mean(np.median, one.stopped[ended] * one.sample_fs),
        "energy_change_eV": _mean(np.mean, one.energy_change[broken]),
        "kinetic_K": _mean(np.mean, kinetic),
    }


def _mean(how: Any, values: Floats) -> float:
    return float(how(values)) if len(values) else float("nan")


def _bond(one: Series, bond: int, first: int) -> dict[str, Any]:
    r, d = (one.segments(quantity, bond, first) for quantity in (one.r, one.bond_energy))
    bond_of = one.bonds[bond]
    all_r, all_d = np.concatenate(r), np.concatenate(d)
    return {
        C.I: bond_of.i,
        C.J: bond_of.j,
        C.BOND_TYPE: bond_of.bond_type,
        C.FINE_TYPE: bond_of.fine_type,
        _CLASS: int(one.bond_class[bond]),
        "n_first_breaks": int((one.broken == bond).sum()),
        "n_samples": len(all_r),
        "r_mean_ang": _mean(np.mean, all_r),
        "r_sd_ang": _mean(np.std, all_r),
        "bond_energy_mean_eV": _mean(np.mean, all_d),
        "bond_energy_sd_eV": _mean(np.std, all_d),
        **correlation(r, d).columns("correlation"),
        "tau_r_fs": correlation_time(r, one.sample_fs),
        "tau_bond_energy_fs": correlation_time(d, one.sample_fs),
    }


def _spectrum(
    one: Series, members: Sequence[int], first: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the peaks of a class of equivalent bonds, and its spectra line by line; nothing if too short."""
    pairs = [
        pair
        for bond in members
        for pair in zip(
            one.segments(one.r, bond, first),
            one.segments(one.bond_energy, bond, first),
            strict=True,
        )
    ]
    found = spectrum(pairs, one.sample_fs)
    if found is None:
        return {"n_windows": 0}, []
    r, d = (peak(found.frequency_cm, power) for power in (found.r, found.bond_energy))
    peaks = {
        "n_windows": found.n_windows,
        "peak_r_cm": found.frequency_cm[r],
        "peak_bond_energy_cm": found.frequency_cm[d],
        "coherence_at_peak_r": found.coherence[r],
        "r_share_at_peak_r": share_near(found.frequency_cm, found.r, found.frequency_cm[r]),
        "bond_energy_share_at_peak_r": share_near(
            found.frequency_cm, found.bond_energy, found.frequency_cm[r]
        ),
    }
    shared = {
        C.MOLECULE: one.molecule,
        "temperature_K": one.temperature_K,
        C.FINE_TYPE: one.bonds[members[0]].fine_type,
        _CLASS: int(one.bond_class[members[0]]),
        "n_windows": found.n_windows,
    }
    lines = zip(found.frequency_cm, found.r, found.bond_energy, found.coherence, strict=True)
    return peaks, [
        shared | dict(zip(SPECTRUM_COLUMNS[5:], line, strict=True))
        for line in lines
        if line[0] <= HIGHEST_CM
    ]


def example(series: Sequence[Series]) -> pd.DataFrame:
    """Return r and D of every bond along one replica that breaks, up to the break.

    Of those that are followed for the longest lead before the break, the one that breaks at the lowest
    temperature; else the one that lives longest. No rows if none breaks.
    """
    broken = [
        (one, replica)
        for one in series
        for replica in np.flatnonzero(one.outcome == Outcome.BROKEN).tolist()
    ]
    if not broken:
        return pd.DataFrame(columns=[str(name) for name in TRAJECTORY_COLUMNS])
    need = max(breaking.LEADS_FS)
    ages = [float(one.stopped[replica]) * one.sample_fs for one, replica in broken]
    first = min(
        range(len(broken)), key=lambda k: (max(need - ages[k], 0.0), broken[k][0].temperature_K, k)
    )
    one, replica = broken[first]
    stop = int(one.stopped[replica])
    rows = [
        {
            C.MOLECULE: one.molecule,
            "temperature_K": one.temperature_K,
            C.I: bond.i,
            C.J: bond.j,
            C.BOND_TYPE: bond.bond_type,
            C.FINE_TYPE: bond.fine_type,
            "breaks": index == one.broken[replica],
            "time_to_break_fs": (sample - stop) * one.sample_fs,
            C.R: one.r[replica, sample, index],
            C.BOND_ENERGY: one.bond_energy[replica, sample, index],
        }
        for index, bond in enumerate(one.bonds)
        for sample in range(max(0, stop - round(SHOWN_FS / one.sample_fs)), stop + 1)
    ]
    return pd.DataFrame(rows, columns=[str(name) for name in TRAJECTORY_COLUMNS])


def settings_from(values: Mapping[str, Any]) -> tuple[list[str], Settings]:
    """Return the molecules and the settings of the config key ``dynamics``, checked against its schema.

    Raises
    ------
    InputError
        For an unknown or missing key, or a value that is not allowed.
    """
    checked = check(dict(values), rules_of("config")["properties"]["dynamics"], "dynamics")
    check_replicas(checked)
    return checked["molecules"], Settings.from_dict(checked)


def chosen(model: Potential, path: Path, molecules: Sequence[str]) -> list[Structure]:
    """Return the molecules (canonical SMILES) out of a file of relaxed ones; those of unknown elements are left out.

    Raises
    ------
    InputError
        If a molecule is not in the file.
    """
    known = {structure.smiles: structure for structure in from_file(path)}
    for name in molecules:
        if name not in known:
            raise InputError(
                f"dynamics.molecules: {name!r} is no molecule of {path} - {choices(name, known)}. "
                "Write one of these canonical SMILES."
            )
    usable = [known[name] for name in molecules if model.knows(known[name])]
    for name in sorted(set(molecules) - {structure.smiles for structure in usable}):
        log.warning("%s left out: the model does not know all of its elements", name)
    return usable


def run_tables(
    model: EdgePotential,
    relaxed: Path,
    molecules: Sequence[str],
    settings: Settings,
    output: Path,
    run: Mapping[str, Any],
    *,
    path: Path,
) -> None:
    """Run the dynamics of one model; write ``output`` (``<run>.csv``) and, beside it, the other three.

    ``relaxed`` holds the molecules, ``path`` is the model's file.
    """
    series = simulate(model, chosen(model, relaxed, molecules), settings)
    equilibration = max(1, round(settings.equilibration_fs / settings.sample_fs))
    bonds, spectra = summary(series, equilibration)
    outputs = {
        "": bonds,
        ".spectrum": spectra,
        ".breaking": breaking.table(breaking.judged(series, equilibration)),
        ".trajectory": example(series),
    }
    tables.write_of_run(outputs, output, run, inputs=[path, relaxed], settings=vars(settings))
    ended = [outcome for one in series for outcome in one.outcome]
    log.info(
        "%d replicas: %s",
        len(ended),
        ", ".join(f"{ended.count(outcome)} {outcome}" for outcome in Outcome),
    )


def run(
    model: Path,
    molecules: Path,
    settings: Mapping[str, Any],
    device: str,
    output: Path,
    run: Mapping[str, Any] | None,
) -> None:
    """Run the dynamics that ``settings``, the config key ``dynamics``, asks for."""
    from e3d.models import load_model

    names, checked = settings_from(settings)
    columns = run or own_run(model)
    run_tables(load_model(model, device), molecules, names, checked, output, columns, path=model)

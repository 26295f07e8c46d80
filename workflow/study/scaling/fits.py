"""How test error falls with data and model size, where the grid can decide.

Forms, fitted by least squares in log space to means over the seeds that every N has:

- ``power``: L(N) = a N^-alpha, from six runs at 4 values of N; ordinary least squares;
- ``power+floor``: L(N) = L_inf + a N^-alpha, from 5 values of N;
- ``surface``: L(N, M) = L_inf + a N^-alpha + b M^-gamma, from 4 values of N and 4 of M, M being the
  number of parameters.

A floor is given only where its interval lies above zero. Else, and below these numbers, the table
says "not identifiable". Intervals are 95 % Student-t from the fit's covariance with the degrees of
freedom that the means leave, not the runs: what bends the curve is the same for every seed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from e3d import tables
from e3d.arrays import Floats
from e3d.column_rules import require_whole
from e3d.errors import InputError
from e3d.fields import METRICS, RUN_COLUMNS
from e3d.fields import Column as C
from e3d.statistics import Estimate, interval_columns, t_quantile
from study.agreeing_tables import require_agreement
from study.fields import plain, trained

FORM, METRIC, STATUS, QUANTITY = "form", "metric", "status", "parameter"
OK: Final = "ok"
_MIN_RUNS: Final = 6
_COLUMNS: Final = (
    *(C.DATASET, C.TEST_SET, METRIC, C.MODEL, FORM, "n_points", "n_seeds", QUANTITY),
    *(*interval_columns("value"), STATUS),
)
_FLOOR: Final = "L_inf"
_MAX_EXPONENT: Final = 10.0
_MAX_LOG: Final = 700.0  # exp of more is no float64


@dataclass(frozen=True)
class Form:
    """A scaling form: parameter names, and the least number of N and M that identify it."""

    name: str
    parameters: tuple[str, ...]
    min_n: int
    min_m: int = 1


POWER = Form("power", ("a", "alpha"), min_n=4)
FLOOR = Form("power+floor", ("a", "alpha", _FLOOR), min_n=5)
SURFACE = Form("surface", ("a", "alpha", _FLOOR, "b", "gamma"), min_n=4, min_m=4)


@dataclass(frozen=True)
class Fit:
    """Parameters (k,) and the ends (k,) of their 95 % intervals."""

    values: Floats
    lo: Floats
    hi: Floats


def predict(form: Form, values: Floats, n: Floats, m: Floats | None = None) -> Floats:
    """Return the loss of ``form`` at training sizes ``n`` and parameter counts ``m``."""
    a, alpha = values[:2]
    loss = a * n**-alpha
    if form is not POWER:
        loss = loss + values[2]
    if form is SURFACE and m is not None:
        loss = loss + values[3] * m ** -values[4]
    return np.asarray(loss)


def identifiable(form: Form, n: Floats, m: Floats | None = None, *, n_seeds: int) -> str:
    """Return "ok", or why the grid, with ``n_seeds`` at each point, cannot identify ``form``."""
    n_values = len(np.unique(n))
    m_values = 1 if m is None else len(np.unique(m))
    if n_values < form.min_n:
        return f"not identifiable: {n_values} values of N, the form needs {form.min_n}"
    if m_values < form.min_m:
        return f"not identifiable: {m_values} model sizes, the form needs {form.min_m}"
    points = len(n) if m is None else len(np.unique(np.column_stack([n, m]), axis=0))
    if points * n_seeds < _MIN_RUNS:
        return (
            f"not identifiable: {points * n_seeds} runs with the same seeds, a fit needs "
            f"{_MIN_RUNS}"
        )
    if points <= len(form.parameters):
        return f"not identifiable: {points} points, the form has {len(form.parameters)} parameters"
    if m is not None and form.min_m > 1:
        crossed_n = max(len(np.unique(n[m == size])) for size in m)
        crossed_m = max(len(np.unique(m[n == frames])) for frames in n)
        if crossed_n < form.min_n or crossed_m < form.min_m:
            return (
                f"not identifiable: {crossed_n} values of N at one size and {crossed_m} sizes at "
                f"one N, the form needs {form.min_n} and {form.min_m}"
            )
    return OK


def fit(form: Form, n: Floats, loss: Floats, m: Floats | None = None) -> Fit:
    """Fit ``form`` to losses (P,) at n (P,) and m (P,) by least squares in log space."""
    target = np.log(loss)

    def unpack(theta: Floats) -> Floats:
        values = theta.copy()
        values[0] = np.exp(theta[0])
        if form is SURFACE:
            values[3] = np.exp(theta[3])
        return values

    def residual(theta: Floats) -> Floats:
        return np.asarray(np.log(predict(form, unpack(theta), n, m)) - target)

    slope, intercept = np.polyfit(np.log(n), target, 1)
    start = np.array(
        [intercept, np.clip(-slope, 0.01, 5.0), loss.min() / 2, np.log(loss.min()), 0.3]
    )
    low = np.array([-np.inf, -_MAX_EXPONENT, 0.0, -np.inf, -_MAX_EXPONENT])
    k = len(form.parameters)
    solution = least_squares(
        residual,
        start[:k],
        bounds=(low[:k], np.full(k, np.inf)),
        x_scale="jac",
        max_nfev=20_000,
    )
    values = unpack(solution.x)
    lo, hi = _interval(np.asarray(solution.jac), residual(solution.x), values, form)
    return Fit(values, lo, hi)


def _interval(
    jacobian: Floats, residuals: Floats, values: Floats, form: Form
) -> tuple[Floats, Floats]:
    """Return Student-t intervals; those of amplitudes a and b are symmetric in the logarithm."""
    dof = len(residuals) - len(values)
    if dof < 1:
        return np.full_like(values, np.nan), np.full_like(values, np.nan)
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * float(np.sum(residuals**2)) / dof
    half = t_quantile(dof) * np.sqrt(np.diag(covariance))
    is_amplitude = np.isin(form.parameters, ("a", "b"))
    lo = np.where(is_amplitude, values * np.exp(-half), values - half)
    return lo, np.where(is_amplitude, values * np.exp(np.minimum(half, _MAX_LOG)), values + half)


def fits(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the table of fits from the table of errors: a row per parameter of each form.

    Per dataset, test set and metric: ``power`` and ``power+floor`` for each model, ``surface`` over
    all models.

    Raises
    ------
    InputError
        If an error is not a positive number (a run that diverged), or another one is none.
    """
    overall = errors[errors[C.GROUP_KIND] == "all"]
    _require_positive(overall)
    rows: list[dict[str, Any]] = []
    for (dataset, test_set), part in overall.groupby([C.DATASET, C.TEST_SET]):
        for metric in METRICS:
            keys = {C.DATASET: dataset, C.TEST_SET: test_set, METRIC: str(metric)}
            for model, sizes in part.groupby(C.MODEL):
                for form in (POWER, FLOOR):
                    rows += _rows({**keys, C.MODEL: model}, form, sizes, str(metric))
            rows += _rows({**keys, C.MODEL: "all"}, SURFACE, part, str(metric))
    return pd.DataFrame(rows, columns=list(map(str, _COLUMNS)))


def _require_positive(errors: pd.DataFrame) -> None:
    for name in (C.N_TRAIN, C.N_PARAMETERS, *METRICS):
        bad = errors[~(np.isfinite(errors[name]) & (errors[name] > 0))]
        if len(bad):
            raise InputError(
                f"scaling: {name} of run {bad[C.RUN].iloc[0]} is {bad[name].iloc[0]} - logarithms "
                "of errors, training frames and weights are fitted, so they must be positive "
                "numbers. Train that run again, or leave it out of `grid`."
            )


def _rows(
    keys: dict[str, Any], form: Form, part: pd.DataFrame, metric: str
) -> list[dict[str, Any]]:
    part = _same_seeds(part)
    means = part.groupby([C.N_TRAIN, C.N_PARAMETERS])[metric].mean().reset_index()
    n, m, loss = (means[c].to_numpy(dtype=float) for c in (C.N_TRAIN, C.N_PARAMETERS, metric))
    n_seeds = int(part[C.SEED].nunique())
    status = identifiable(form, n, m, n_seeds=n_seeds)
    base = {**keys, FORM: form.name, "n_points": len(n), "n_seeds": n_seeds}
    if status != OK:
        return [{**base, QUANTITY: "", STATUS: status}]
    best = fit(form, n, loss, m)
    found = [Estimate(*ends) for ends in zip(best.values, best.lo, best.hi, strict=True)]
    if _FLOOR in form.parameters and not found[form.parameters.index(_FLOOR)].lo > 0:
        status = f"not identifiable: the interval of {_FLOOR} is not above zero"
        return [{**base, QUANTITY: "", STATUS: status}]
    rows = zip(form.parameters, found, strict=True)
    return [{**base, QUANTITY: name, **one.columns("value"), STATUS: OK} for name, one in rows]


def _same_seeds(part: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the seeds that all N and M have, so that like is compared with like."""
    cells = part.groupby([C.N_TRAIN, C.N_PARAMETERS])[C.SEED].agg(set)
    return part[part[C.SEED].isin(set.intersection(*cells))]


def write_table(errors: Path, output: Path) -> pd.DataFrame:
    """Write the table of fits.

    Raises
    ------
    InputError
        If the table of errors lacks a column, holds what cannot be, contradicts itself, or has no
        run that is trained here.
    """
    columns = (*RUN_COLUMNS, C.TEST_SET, C.N_PARAMETERS, C.GROUP_KIND, *METRICS)
    read = tables.read(errors, columns=columns)
    require_whole(read, errors)
    require_agreement(read, errors)
    table = fits(trained(plain(read)))
    if table.empty:
        raise InputError(
            f"{errors}: has no errors over all frames ({C.GROUP_KIND} 'all') of a plain size that "
            "is trained here, so that nothing can be fitted. Give the errors of a grid of runs."
        )
    tables.write(table, output, inputs=[errors])
    return table

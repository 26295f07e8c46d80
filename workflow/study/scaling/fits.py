"""How test error falls with data and model size, where the grid can decide.

Forms, fitted to seed means in log space with a robust loss (soft L1):

- ``power``: L(N) = a N^-alpha, from 3 values of N;
- ``power+floor``: L(N) = L_inf + a N^-alpha, from 5;
- ``surface``: L(N, M) = L_inf + a N^-alpha + b M^-gamma, from 4 values of N and 4 of M, M being the
  number of parameters.

Below these the table says "not identifiable". Intervals are 95 % Student-t from the fit's
covariance with the degrees of freedom that seed means leave; the spread of alpha over seeds stands
beside.
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
from e3d.statistics import Estimate, t_quantile
from study.fields import plain, trained

FORM, METRIC, STATUS, QUANTITY = "form", "metric", "status", "parameter"
OK: Final = "ok"
_SOFT_SCALE: Final = 0.1
_MAX_EXPONENT: Final = 10.0
_MAX_LOG: Final = 700.0  # exp of more is no float64


@dataclass(frozen=True)
class Form:
    """A scaling form: parameter names, and the least number of N and M that identify it."""

    name: str
    parameters: tuple[str, ...]
    min_n: int
    min_m: int = 1


POWER = Form("power", ("a", "alpha"), min_n=3)
FLOOR = Form("power+floor", ("a", "alpha", "L_inf"), min_n=5)
SURFACE = Form("surface", ("a", "alpha", "L_inf", "b", "gamma"), min_n=4, min_m=4)


@dataclass(frozen=True)
class Fit:
    """Parameters (k,), the ends (k,) of their 95 % intervals, and the corrected Akaike number."""

    values: Floats
    lo: Floats
    hi: Floats
    aicc: float


def predict(form: Form, values: Floats, n: Floats, m: Floats | None = None) -> Floats:
    """Return the loss of ``form`` at training sizes ``n`` and parameter counts ``m``."""
    a, alpha = values[:2]
    loss = a * n**-alpha
    if form is not POWER:
        loss = loss + values[2]
    if form is SURFACE and m is not None:
        loss = loss + values[3] * m ** -values[4]
    return np.asarray(loss)


def identifiable(form: Form, n: Floats, m: Floats | None = None) -> str:
    """Return "ok", or why the grid cannot identify ``form``."""
    n_values = len(np.unique(n))
    m_values = 1 if m is None else len(np.unique(m))
    if n_values < form.min_n:
        return f"not identifiable: {n_values} values of N, the form needs {form.min_n}"
    if m_values < form.min_m:
        return f"not identifiable: {m_values} model sizes, the form needs {form.min_m}"
    points = len(n) if m is None else len(np.unique(np.column_stack([n, m]), axis=0))
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
    """Fit ``form`` to losses (P,) at n (P,) and m (P,) in log space with a soft-L1 loss.

    Raises
    ------
    ValueError
        If the grid cannot identify the form (see :func:`identifiable`).
    """
    status = identifiable(form, n, m)
    if status != OK:
        raise ValueError(status)
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
        loss="soft_l1",
        f_scale=_SOFT_SCALE,
        x_scale="jac",
        max_nfev=20_000,
    )
    values = unpack(solution.x)
    lo, hi = _interval(np.asarray(solution.jac), residual(solution.x), values, form)
    return Fit(values, lo, hi, _aicc(solution, len(n), k))


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


def _aicc(solution: Any, points: int, k: int) -> float:
    """Return AICc with the robust cost as the deviance; NaN where too few points are left."""
    k += 1  # the noise level is a parameter too
    if points - k - 1 <= 0:
        return float("nan")
    # an exact fit is exact to rounding
    deviance = max(2 * solution.cost / points, np.finfo(float).eps ** 2)
    return float(points * np.log(deviance) + 2 * k + 2 * k * (k + 1) / (points - k - 1))


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
    return pd.DataFrame(rows)


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
    means = part.groupby([C.N_TRAIN, C.N_PARAMETERS])[metric].mean().reset_index()
    n, m, loss = (means[c].to_numpy(dtype=float) for c in (C.N_TRAIN, C.N_PARAMETERS, metric))
    status = identifiable(form, n, m)
    base = {**keys, FORM: form.name, "n_points": len(n), "n_seeds": int(part[C.SEED].nunique())}
    if status != OK:
        return [{**base, QUANTITY: "", STATUS: status}]
    best = fit(form, n, loss, m)
    spread = _seed_spread(form, part, metric)
    return [
        {
            **base,
            QUANTITY: name,
            **Estimate(best.values[k], best.lo[k], best.hi[k]).columns("value"),
            **{"seed_min": spread[k].min(), "seed_max": spread[k].max()},
            **{"aicc": best.aicc, STATUS: OK},
        }
        for k, name in enumerate(form.parameters)
    ]


def _seed_spread(form: Form, part: pd.DataFrame, metric: str) -> Floats:
    """Fit each seed alone; return the parameters (k, seeds)."""
    columns: list[Floats] = []
    for _, seed in part.groupby(C.SEED):
        n, m, loss = (seed[c].to_numpy(dtype=float) for c in (C.N_TRAIN, C.N_PARAMETERS, metric))
        if identifiable(form, n, m) == OK:
            columns.append(fit(form, n, loss, m).values)
    return np.array(columns).T if columns else np.full((len(form.parameters), 1), np.nan)


def exponents(errors: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the exponent of ``metric`` over N, ``value``, of each dataset, model and seed.

    ``errors`` are of one test set. NaN where the seed has too few N.
    """
    overall = errors[errors[C.GROUP_KIND] == "all"]
    _require_positive(overall)
    keys = [str(C.DATASET), str(C.MODEL), str(C.SEED)]
    rows = [(*key, _seed_spread(POWER, part, metric)[1][0]) for key, part in overall.groupby(keys)]
    return pd.DataFrame(rows, columns=[*keys, "value"])


def write_table(errors: Path, output: Path) -> pd.DataFrame:
    """Write the table of fits.

    Raises
    ------
    InputError
        If the table of errors lacks a column, holds what cannot be, or no run that is trained here.
    """
    columns = (*RUN_COLUMNS, C.TEST_SET, C.N_PARAMETERS, C.GROUP_KIND, *METRICS)
    read = tables.read(errors, columns=columns)
    require_whole(read, errors)
    table = fits(trained(plain(read)))
    if table.empty:
        raise InputError(
            f"{errors}: has no errors over all frames ({C.GROUP_KIND} 'all') of a plain size that "
            "is trained here, so that nothing can be fitted. Give the errors of a grid of runs."
        )
    tables.write(table, output, inputs=[errors])
    return table

"""How test errors fall with the number of training frames."""

from collections.abc import Iterable, Mapping

import pandas as pd

from e3d.fields import TEST_SPLITS
from e3d.fields import Column as C
from e3d.statistics import Estimate
from study import runs
from study.findings.wording import NOT_THERE, Run, Tables, called, interval, listed, zero


def sentences(tables: Tables, run: Run) -> Iterable[str]:
    """Yield the exponents of the reference run's dataset."""
    sizes = runs.sized_models(tables["decompose/summary"])
    yield _scaling(tables["scaling/fits"], run[0], sizes)


def _scaling(fits: pd.DataFrame, dataset: str, sizes: Mapping[str, int]) -> str:
    laws = fits[
        (fits[C.DATASET] == dataset) & (fits["metric"] == C.FORCE_MAE) & (fits["form"] == "power")
    ]
    texts = []
    for name in TEST_SPLITS:
        part = laws[laws[C.TEST_SET] == name]
        exponents = [
            f"with {size:,} parameters {_exponent(part[part[C.MODEL] == model])}"
            for model, size in sizes.items()
        ]
        texts.append(f"on {called(name)} {', '.join(exponents)}")
    return f"Scaling exponent of the force MAE with training frames (power law): {listed(texts)}."


def _exponent(law: pd.DataFrame) -> str:
    if law.empty:
        return NOT_THERE
    if (law["status"] != "ok").any():
        return str(law["status"].iloc[0])
    row = law[law["parameter"] == "alpha"].iloc[0]
    alpha = Estimate.read(row, "value")
    several = f"seeds {row['seed_min']:.2f} to {row['seed_max']:.2f}"
    seeds = several if row["n_seeds"] > 1 else "one seed"
    return f"{alpha.value:.2f} {interval(alpha)} ({seeds}){zero(alpha)}"

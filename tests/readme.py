"""README's generated parts, from the published tables: ``make publish`` writes them anew."""

import re
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PUBLISHED = ROOT / "results" / "published" / "default"
FIGURE_TABLES = {
    "molecules": "`decompose/bond_means.csv`",
    "distributions": "`entropy/histogram.csv`",
    "parity": "`bde/named.csv`, `bde/summary.csv`",
    "learning": "`evaluate/errors.csv`, `scaling/fits.csv`",
    "emergence": "`bde/summary.csv`, `entropy/entropy.csv`, `entropy/decomposability.csv`",
}
SHOWS = {
    "molecules": "D on drawn molecules",
    "distributions": "D by bond type",
    "parity": "D against three reference energies",
    "learning": "test error against N",
    "emergence": "bond energies, entropy, decomposability against N",
}


def blocks() -> dict[str, str]:
    """Return the text of every generated block, by name."""
    costs = pd.read_csv(PUBLISHED / "costs.csv").set_index("rule")
    minutes = costs.loc["study", "total_s"] / 60
    rows = [
        f"| {SHOWS[name]} | `figures_{name}` | `results/figures/{name}.{{png,svg,pdf}}` | {FIGURE_TABLES[name]} | "
        f"{costs.loc[f'figures/{name}', 'mean_s'] / 60:.2f} |"
        for name in SHOWS
    ]
    train = costs.loc["train/run"]
    return {
        "findings": (PUBLISHED / "figures" / "findings.md").read_text(encoding="utf-8").strip(),
        "figures": "\n".join(["| figure | rule | file | from tables | minutes |", "|---|---|---|---|---|", *rows]),
        "time": (
            f"On two cores of an AMD EPYC server, no GPU, the study took {minutes:.0f} minutes after installation, "
            f"of which a training takes {train['mean_s'] / 60:.1f} on average, two at a time "
            "([`costs.csv`](results/published/default/costs.csv))."
        ),
    }


def filled(text: str) -> str:
    """Return ``text`` with every ``<!-- name:start -->`` block filled in."""
    for name, content in blocks().items():
        pattern = rf"(<!-- {name}:start -->\n).*?(<!-- {name}:end -->)"
        text, n = re.subn(pattern, lambda m, new=content: f"{m[1]}{new}\n{m[2]}", text, flags=re.DOTALL)
        assert n == 1, f"README.md has {n} blocks {name}, expected 1"
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")

"""The study's tables of seeds, variants and differences of D."""

from pathlib import Path

from e3d import tables
from e3d.fields import RELAXED
from e3d.fields import Column as C
from study.fields import trained
from study.gauge.ablations import ablations
from study.gauge.contrasts import contrasts
from study.gauge.reproduction import compare
from study.gauge.seeds import seeds


def write_tables(named: Path, errors: Path, rigidity: Path, summary: Path, output: Path) -> None:
    """Write ``seeds``, ``ablations``, ``contrasts`` and ``compare`` in the folder of ``output``."""
    bonds, tested = (trained(tables.read(path)) for path in (named, errors))
    bonds = bonds[bonds[C.GEOMETRY] == RELAXED]
    found = {
        "seeds": seeds(bonds, tested),
        "ablations": ablations(bonds, tested, trained(tables.read(summary))),
        "contrasts": contrasts(bonds),
        "compare": compare(tables.read(rigidity), bonds),
    }
    inputs = [named, errors, rigidity, summary]
    for name, table in found.items():
        tables.write(table, output.with_name(f"{name}.csv"), inputs=inputs)

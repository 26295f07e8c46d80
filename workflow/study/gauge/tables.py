"""The study's tables of seeds, variants and differences of D."""

from pathlib import Path

from e3d import tables
from e3d.fields import RELAXED, RUN_COLUMNS
from e3d.fields import Column as C
from study.agreeing_tables import require_agreement
from study.fields import trained
from study.gauge.ablations import ablations
from study.gauge.contrasts import contrasts
from study.gauge.reproduction import compare
from study.gauge.seeds import seeds


def write_tables(named: Path, errors: Path, rigidity: Path, summary: Path, output: Path) -> None:
    """Write ``seeds``, ``ablations``, ``contrasts`` and ``compare`` in the folder of ``output``."""
    bonds = tables.read(named, columns=(*RUN_COLUMNS, C.GEOMETRY, C.BOND_ENERGY))
    tested = tables.read(errors, columns=RUN_COLUMNS)
    for table, path in ((bonds, named), (tested, errors)):
        require_agreement(table, path)
    bonds, tested = trained(bonds), trained(tested)
    bonds = bonds[bonds[C.GEOMETRY] == RELAXED]
    found = {
        "seeds": seeds(bonds, tested),
        "ablations": ablations(bonds, tested, trained(tables.read(summary, columns=RUN_COLUMNS))),
        "contrasts": contrasts(bonds),
        "compare": compare(tables.read(rigidity, columns=RUN_COLUMNS), bonds),
    }
    inputs = [named, errors, rigidity, summary]
    for name, table in found.items():
        tables.write(table, output.with_name(f"{name}.csv"), inputs=inputs)

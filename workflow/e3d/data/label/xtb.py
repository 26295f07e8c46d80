"""GFN2-xTB through tblite: cheap labels without limit."""

import numpy as np
from tblite.exceptions import TBLiteRuntimeError
from tblite.interface import Calculator

from e3d.data.label.task import Label, NotConvergedError, Task

_ACCURACY = 0.01


class Xtb:
    """GFN2-xTB, converged a hundred times tighter than its default."""

    def label(self, task: Task) -> Label:
        """Label one conformation.

        Raises
        ------
        NotConvergedError
            If the charges do not converge.
        """
        calculator = Calculator("GFN2-xTB", task.numbers, task.positions, charge=task.charge, uhf=task.multiplicity - 1)
        calculator.set("verbosity", 0)
        calculator.set("accuracy", _ACCURACY)
        try:
            result = calculator.singlepoint()
        except TBLiteRuntimeError as error:
            raise NotConvergedError(" ".join(str(error).split())) from None
        orders = np.array(result["bond-orders"], dtype=np.float64)
        orders = orders.sum(axis=0) if orders.ndim == 3 else orders
        np.fill_diagonal(orders, 0.0)
        return Label(
            energy=float(result["energy"]),
            gradient=np.array(result["gradient"]),
            mayer=orders,
            wiberg=None,
            method="GFN2-xTB",
            spin_square=0.0,
        )

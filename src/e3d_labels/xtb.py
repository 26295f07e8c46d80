"""GFN2-xTB through tblite: cheap labels without limit."""

import numpy as np
from numpy.typing import NDArray
from tblite.exceptions import TBLiteRuntimeError
from tblite.interface import Calculator

from e3d_labels.task import Label, NotConvergedError, Task

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
        calculator = Calculator(
            "GFN2-xTB", task.numbers, task.positions, charge=task.charge, uhf=task.multiplicity - 1
        )
        calculator.set("verbosity", 0)
        calculator.set("accuracy", _ACCURACY)
        try:
            result = calculator.singlepoint()
        except TBLiteRuntimeError as error:
            raise NotConvergedError(" ".join(str(error).split())) from None
        orders = _bond_orders(np.asarray(result["bond-orders"]), len(task.numbers))
        return Label(
            energy=float(result["energy"]),
            gradient=np.array(result["gradient"]),
            mayer=orders,
            method="GFN2-xTB",
            spin_square=0.0,
        )


def _bond_orders(stored: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return Mayer's bond orders (n, n) of both spins together; zero on the diagonal.

    tblite 0.8 gives the shape (n, n, spin), but the numbers lie as (spin, n, n): first the sum over
    both spins, then, for open shells, their difference.
    """
    orders = np.array(stored.reshape(-1, n, n)[0])
    np.fill_diagonal(orders, 0.0)
    return orders

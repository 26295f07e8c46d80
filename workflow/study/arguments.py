"""Arguments that several stages' commands share."""

from e3d import options
from e3d.command_line import argument

BDE = argument("--bde", "table of named bonds with BDE298", required=True)
BOND_ENERGIES = argument("--bond-energies", "table with De and mean bond energies", required=True)
DEVICE = argument("--device", "cpu, cuda or cuda:<k>", type=options.device, default="cpu")
RUN = argument("--run", "RUN.yaml the model was trained from", read=options.run_columns)
RUN_REQUIRED = argument(
    "--run", "RUN.yaml the model was trained from", read=options.run_columns, required=True
)

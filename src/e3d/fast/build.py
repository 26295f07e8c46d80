"""Build the fast network where nequip builds a model: the ``_target_`` of a training config."""

from typing import Any

from allegro import model as shipped  # type: ignore[import-untyped]
from nequip.model import model_builder

from e3d.errors import InputError
from e3d.fast.compiled import CompiledModel
from e3d.fast.swap import accelerate


# nequip is untyped
@model_builder(compile_wrapper_class=CompiledModel)  # type: ignore[untyped-decorator]
def AllegroModel(**settings: Any) -> Any:  # noqa: N802 - named as the builder whose place it takes
    """Build nequip-allegro's ``AllegroModel`` of the same settings and seed, its network replaced.

    Weights, their order and the state dict are those of the shipped builder, which loads what this
    one trained. With ``compile_mode: compile``, the training step is compiled.

    Raises
    ------
    InputError
        If the model has parts the fast network does not know.
    """
    model = shipped.AllegroModel(**settings)
    if not accelerate(model):
        raise InputError(
            "this model has parts that the `centre` kernels do not know; the log names them. Set "
            "`runtime.kernels: shipped`."
        )
    return model

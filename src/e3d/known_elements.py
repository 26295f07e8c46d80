"""Leave out structures with elements that a model does not know, and count them."""

import logging
from collections.abc import Iterable, Iterator

from e3d.potential import LoadedModel
from e3d.structures import Structure

log = logging.getLogger(__name__)


class KnownElements:
    """The structures that a model knows all elements of; others are logged as they are passed.

    Attributes
    ----------
    left_out
        How many were passed so far.
    """

    def __init__(self, model: LoadedModel, structures: Iterable[Structure]) -> None:
        self.left_out = 0
        self._model, self._structures = model, iter(structures)  # each is passed once

    def __iter__(self) -> Iterator[Structure]:
        for one in self._structures:
            if self._model.knows(one):
                yield one
                continue
            unknown = ", ".join(self._model.unknown(one))
            log.warning("%s (%s) left out: %s unknown", one.label, one.smiles, unknown)
            self.left_out += 1

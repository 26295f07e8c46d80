"""One pass over structures: those that the model knows go on, a few are kept to be drawn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from e3d.drawing.molecules import species
from e3d.potential import LoadedModel
from e3d.structures import Structure

MOST_MOLECULES: Final = 24
"""Molecules of a set of structures that are drawn: its first ones."""
_MOST_FRAMES: Final = 400
_MOST_ATOMS: Final = 40_000
"""Kept of one molecule, in all its frames together."""


@dataclass
class Kept:
    """Every ``step``-th frame of a molecule, so that few enough are kept.

    >>> kept = Kept(most=4)
    >>> for frame in range(10):
    ...     kept.add(frame)
    >>> kept.step, kept.frames
    (4, [0, 4, 8])
    """

    most: int
    seen: int = 0
    step: int = 1
    frames: list[Any] = field(default_factory=list)

    def add(self, frame: Any) -> None:
        """Keep the next frame, if it is one of those."""
        if self.seen % self.step == 0:
            self.frames.append(frame)
        self.seen += 1
        if len(self.frames) > self.most:
            self.frames = self.frames[::2]
            self.step *= 2


@dataclass
class Gathered:
    """What a report needs of a set of structures while they are decomposed.

    Parameters
    ----------
    left_out
        Structures that the model does not know: label, name and the unknown elements.
    labelled
        How many have energy and forces.
    """

    model: LoadedModel
    left_out: list[tuple[str, str, str]] = field(default_factory=list)
    labelled: int = 0
    _kept: dict[tuple[Any, ...], Kept] = field(default_factory=dict)
    _others: set[int] = field(default_factory=set)

    def known(self, structures: Iterable[Structure]) -> Iterator[Structure]:
        """Pass on the structures of which the model knows all elements."""
        for one in structures:
            unknown = self.model.unknown(one)
            if unknown:
                self.left_out.append((one.label, one.smiles, " ".join(unknown)))
                continue
            self.labelled += one.is_labelled
            self._keep(one)
            yield one

    def _keep(self, structure: Structure) -> None:
        key = species(structure)
        if key not in self._kept:
            if len(self._kept) >= MOST_MOLECULES:
                self._others.add(hash(key))
                return
            most = min(_MOST_FRAMES, _MOST_ATOMS // len(structure.atomic_numbers))
            self._kept[key] = Kept(max(1, most))
        self._kept[key].add(structure)

    @property
    def frames(self) -> list[Structure]:
        """The kept frames, molecule by molecule."""
        return [frame for kept in self._kept.values() for frame in kept.frames]

    @property
    def steps(self) -> list[int]:
        """Distance of the kept frames of each kept molecule; 3 means every third."""
        return [kept.step for kept in self._kept.values()]

    @property
    def n_others(self) -> int:
        """How many molecules are not kept."""
        return len(self._others)

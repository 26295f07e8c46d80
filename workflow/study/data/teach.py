"""The frames of a store with the labels of a model: students of a teacher whose D is known.

What a training recovers of its teacher's D is what energies and forces determine, whatever D means.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from e3d import provenance
from e3d.arrays import Floats
from e3d.errors import InputError
from e3d.fields import Store as F
from e3d.models import load_model
from e3d.potential import LoadedModel
from e3d.store.reader import StoreReader
from e3d.store.writer import StoreWriter
from e3d.structures import Structure, from_store
from study.data.mix import groups_of


def write_taught(store: Path, model: Path, output: Path, device: str = "cpu") -> int:
    """Write the frames of ``store`` with the labels of a model.

    Isolated atoms stay those of the store, and binding energies are the model's. Groups, numbers
    and parts of frames stay, so that splits are alike.

    Returns
    -------
    The number of frames written.

    Raises
    ------
    InputError
        If the model does not know the elements of a molecule.
    """
    teacher = load_model(model, device)
    with StoreReader(store) as reader:
        atoms = reader.isolated_atom_energy
        facts = {
            "theory": f"labels of {model.name}",
            "source": f"the frames of {reader.attributes['source']}",
            "source_content": reader.content,
        }
        with StoreWriter(output, facts, atoms) as writer:
            rows = [writer.part(name, share) for name, share in reader.parts.items()]
            part_of = reader[F.PART] if rows else None
            labels = _labels(teacher, reader)
            first = 0
            for group, parsed, intact, ionic in groups_of(reader):
                own = [next(labels) for _ in group.energy]
                alone = sum(atoms[z] for z in group.atomic_numbers.tolist())
                taught = replace(
                    group,
                    energy=np.array([energy for energy, _ in own]) + alone,
                    forces=np.array([forces for _, forces in own]),
                    stress=None,
                )
                part = None if part_of is None else rows[int(part_of[first])]
                writer.add(taught, parsed, intact, ionic=ionic, part=part)
                first += len(own)
            n_frames = writer.n_frames
    provenance.record(output, inputs=[store, model])
    return n_frames


def _labels(teacher: LoadedModel, reader: StoreReader) -> Iterator[tuple[float, Floats]]:
    """Yield binding energy, eV, and forces (N, 3), eV/Å, of each frame in order."""
    structures = from_store(reader, range(len(reader)))
    for batch in teacher.batches(_known(teacher, structures)):
        energy, forces = teacher.energies_and_forces(batch)
        shift = teacher.edge_energies(batch).shift
        for k, (start, stop) in enumerate(zip(batch.frame_ptr, batch.frame_ptr[1:], strict=False)):
            yield float(energy[k] - shift[k]), np.asarray(forces[start:stop])


def _known(teacher: LoadedModel, structures: Iterator[Structure]) -> Iterator[Structure]:
    """Pass structures through.

    Raises
    ------
    InputError
        For an element that the teacher does not know.
    """
    for one in structures:
        if unknown := teacher.unknown(one):
            raise InputError(
                f"{one.label}: the teacher {teacher.path} does not know {', '.join(unknown)}, and "
                f"knows {', '.join(teacher.type_names)}. Leave them out: `exclude_elements` of the "
                "dataset."
            )
        yield one

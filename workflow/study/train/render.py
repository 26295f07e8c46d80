"""Render nequip's training config from ours.

Hydra stays inside nequip: what it gets is plain YAML, kept beside the checkpoint.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e3d import provenance
from e3d.chemistry import symbol
from e3d.errors import InputError
from e3d.fields import POOL, VALIDATION
from e3d.fields import Store as F
from e3d.store.reader import StoreReader
from e3d.store.splits import frames_in, read_splits
from study.run_settings import RunSettings
from study.train.fields import HISTORY_FILE
from study.train.kernels import mode, model_config, select
from study.train.pack import pack
from study.train.ranks import ALONE, WHOLE, for_ranks, number

STATISTICS_FRAMES = 2000
BEST, LAST = "best", "last"
MONITOR = "val0_epoch/weighted_sum"
VALIDATION_BATCH = 64
_ZBL = {"_target_": "nequip.nn.pair_potential.ZBL", "units": "metal"}


@dataclass(frozen=True)
class Statistics:
    """What initialises a model, from the training pool of a dataset: the same for every n_train."""

    type_names: tuple[str, ...]
    isolated_atom_energy_eV: dict[str, float]  # the shift of each type
    force_rms_eV_per_ang: float  # the energy scale, with Å as the length
    mean_neighbours: float  # Nbar
    binding_energy_eV_per_atom: float  # mean over atoms


def statistics(store: Path, splits: Path, r_max: float) -> Statistics:
    """Measure force RMS and mean number of neighbours on up to 2000 evenly spaced pool frames.

    The elements are those of the whole dataset, so that one model fits every subset and test set.
    It takes 0.1 s, less than looking after a file with the answer would be worth.

    Raises
    ------
    InputError
        If no two atoms are within ``r_max``: nothing would be learned.
    """
    with StoreReader(store) as reader:
        pool = frames_in(read_splits(splits, reader), splits, POOL)
        sample = pool[np.unique(np.linspace(0, len(pool) - 1, STATISTICS_FRAMES).astype(int))]
        packed = pack(reader, sample, r_max)
        atoms = reader.isolated_atom_energy
        binding = float(reader.gather(F.BINDING_ENERGY, sample).sum())
        names = tuple(symbol(z) for z in reader.elements)
        shifts = {symbol(z): atoms[z] for z in reader.elements}
    if not len(packed.centre):
        raise InputError(
            f"r_max = {r_max:g} Å: no two atoms of the {len(sample)} frames of {store} that were "
            "looked at are as close, so the model would have no edge. Raise r_max."
        )
    force_rms = float(np.sqrt(np.mean(packed.forces.astype(np.float64) ** 2)))
    n_atoms = len(packed.positions)
    return Statistics(names, shifts, force_rms, len(packed.centre) / n_atoms, binding / n_atoms)


def render(
    run: RunSettings, stats: Statistics, folder: Path, runtime: Mapping[str, Any]
) -> dict[str, Any]:
    """Return nequip's config for one run; checkpoints go to ``folder``.

    Its paths are those from the working directory: the config is kept, and names no machine.
    ``runtime`` holds devices, nodes, compile mode, kernels and TF32, which change no number beyond
    its rounding.
    """
    return {
        "run": ["train"],
        "data": _data(run, stats, number(runtime)),
        "trainer": _trainer(run, folder, runtime),
        "training_module": _training_module(run, stats, runtime),
    }


def _data(run: RunSettings, stats: Statistics, ranks: int) -> dict[str, Any]:
    dataset = {
        "_target_": "study.train.feed.StoreDataset",
        "store": provenance.portable(run.store),
        "type_names": list(stats.type_names),
        "r_max": run.architecture.r_max,
        "splits": provenance.portable(run.splits),
    }
    return {
        "_target_": "nequip.data.datamodule.NequIPDataModule",
        "seed": run.seed,
        "train_dataset": {**dataset, "subset": provenance.portable(run.subset)},
        "val_dataset": {**dataset, "split": VALIDATION},
        "train_dataloader": {
            "_target_": "study.train.feed.FixedStepLoader",
            "batch_size": run.training.batch_size,
            "steps_per_epoch": run.training.steps_per_epoch,
        },
        "val_dataloader": {
            "_target_": "study.train.feed.InOrderLoader",
            "batch_size": max(VALIDATION_BATCH, ranks),
        },
    }


def _trainer(run: RunSettings, folder: Path, runtime: Mapping[str, Any]) -> dict[str, Any]:
    device, _, index = str(runtime.get("device", "cpu")).partition(":")
    place = provenance.portable(folder)
    checkpoint = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": place}
    trainer = {
        "_target_": "lightning.Trainer",
        "accelerator": "gpu" if device == "cuda" else device,
        "devices": [int(index)] if index else 1,
        "max_epochs": run.training.steps // run.training.steps_per_epoch,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": run.training.steps_per_epoch,
        "plugins": [ALONE, WHOLE],
        "logger": False,
        "callbacks": [
            *([{"_target_": "study.train.callbacks.TF32"}] if runtime.get("tf32") else []),
            {"_target_": "study.train.callbacks.LogLastStep"},
            {
                "_target_": "study.train.callbacks.MetricsHistory",
                "path": f"{place}/{HISTORY_FILE}",
            },
            {**checkpoint, "filename": BEST, "monitor": MONITOR, "enable_version_counter": False},
            {**checkpoint, "filename": LAST, "enable_version_counter": False},
        ],
    }
    return trainer if number(runtime) == 1 else for_ranks(trainer, runtime)


def _training_module(
    run: RunSettings, stats: Statistics, runtime: Mapping[str, Any]
) -> dict[str, Any]:
    training = run.training
    coefficients = {"total_energy": training.energy_weight, "forces": training.force_weight}
    return {
        "_target_": "nequip.train.EMALightningModule",
        "ema_decay": training.ema_decay,
        "loss": {"_target_": "nequip.train.EnergyForceLoss", "coeffs": coefficients},
        "val_metrics": {
            "_target_": "nequip.train.EnergyForceMetrics",
            "coeffs": {
                "per_atom_energy_mae": training.energy_weight,
                "forces_mae": training.force_weight,
            },
        },
        # fused: one kernel for all weights, a third of the time and as reproducible
        "optimizer": {"_target_": "torch.optim.Adam", "lr": training.learning_rate, "fused": True},
        "lr_scheduler": {
            "interval": "step",
            "scheduler": {
                "_target_": "torch.optim.lr_scheduler.CosineAnnealingLR",
                "T_max": training.steps,
                "eta_min": training.learning_rate * training.final_learning_rate_fraction,
            },
        },
        "model": _model(run, stats, runtime),
    }


def _model(run: RunSettings, stats: Statistics, runtime: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Allegro section: shifts of the atoms, one scale, and ZBL where it is asked for.

    ZBL is the screened repulsion of nuclei (Ziegler, Biersack and Littmark 1985), nequip's own.
    """
    sizes = asdict(run.architecture)
    shifts, neighbours = sizes.pop("shifts"), sizes.pop("mean_neighbours")
    n_bessel, p = sizes.pop("num_bessels"), sizes.pop("polynomial_cutoff_p")
    width, zbl = sizes.pop("mlp_width"), sizes.pop("zbl")
    unknown = [name for name in stats.type_names if name not in stats.isolated_atom_energy_eV]
    if unknown:
        raise InputError(
            f"no isolated-atom energy of {', '.join(unknown)} in {run.store}. Make the store again."
        )
    more = stats.binding_energy_eV_per_atom if shifts == "mean" else 0.0
    settings: dict[str, Any] = {
        "seed": run.seed,
        "model_dtype": "float32",
        "type_names": list(stats.type_names),
        **sizes,
        "radial_chemical_embed": {
            "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
            "num_bessels": n_bessel,
            "polynomial_cutoff_p": p,
        },
        "scalar_embed_mlp_hidden_layers_width": width,
        "allegro_mlp_hidden_layers_width": width,
        "readout_mlp_hidden_layers_width": width,
        "avg_num_neighbors": neighbours or stats.mean_neighbours,
        "per_type_energy_scales": stats.force_rms_eV_per_ang,
        "per_type_energy_shifts": {
            name: energy + more for name, energy in stats.isolated_atom_energy_eV.items()
        },
        "pair_potential": {**_ZBL, "chemical_species": list(stats.type_names)} if zbl else None,
    }
    if shifts == "trainable":
        settings["per_type_energy_shifts_trainable"] = True
    kernels = select(run.architecture, runtime)
    return model_config(settings, kernels, mode(kernels, run.training.steps, runtime))

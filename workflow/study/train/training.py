"""Train one run with nequip, resuming where a killed one stopped, and keep the evidence."""

import logging
import pickle
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from e3d import lineage, provenance, tables
from e3d.device import require_device
from e3d.errors import InputError
from e3d.fields import RUN_COLUMNS, Column
from e3d.options import read_yaml
from e3d.store.reader import StoreReader
from e3d.store.splits import read_subset
from e3d.units import EV_MEV
from study.run_settings import RunSettings
from study.train.fields import CHECKPOINTS, FORCE_MAE, HISTORY_FILE
from study.train.kernels import adopt, save_plain, select
from study.train.launch import nequip_train
from study.train.lock import only_one
from study.train.ranks import number, require_ranks, train_on_ranks
from study.train.render import BEST, LAST, Statistics, render, statistics
from study.train.retry import attempts, diverged

log = logging.getLogger(__name__)

MODEL_FILE, METRICS_FILE, CONFIG_FILE = "model.ckpt", "metrics.csv", "nequip.yaml"
_DATA = (lineage.STORE, lineage.SPLITS, lineage.SUBSET)  # the settings that are paths
_METRIC_NAMES = {
    "val0_epoch/per_atom_energy_mae": f"validation_{Column.ENERGY_MAE}",
    "val0_epoch/per_atom_energy_rmse": f"validation_{Column.ENERGY_RMSE}",
    FORCE_MAE: f"validation_{Column.FORCE_MAE}",
    "val0_epoch/forces_rmse": f"validation_{Column.FORCE_RMSE}",
}


def train(run: Path, output: Path, **runtime: Any) -> None:
    """Train one run into the folder ``output``: model, metrics, rendered config.

    Checkpoints live in ``output/checkpoints/<hash of settings and data>/`` until training is done.
    A killed run resumes from its last one, with as many devices as it is given now; another config
    or subset never picks them up. While one training runs, another of the same folder is refused.

    Parameters
    ----------
    run
        RUN.yaml with the run's settings.
    output
        Folder that is written.
    **runtime
        Device, devices, nodes, compile mode, kernels and TF32; they change no number beyond its
        rounding.

    Raises
    ------
    InputError
        If the settings, the data or the devices cannot be used, or nequip-train fails.
    """
    settings = RunSettings.from_dict(read_yaml(run))
    _require_runtime(settings, runtime)
    inputs = [Path(settings.store), Path(settings.splits), Path(settings.subset)]
    made_from = _hashes(settings, run)
    stats = statistics(inputs[0], inputs[1], settings.architecture.r_max)
    digests = [provenance.file_digest(path) for path in inputs]
    paths = {name: provenance.portable(getattr(settings, name)) for name in _DATA}
    of_run = settings.as_dict() | paths
    work = output / CHECKPOINTS / provenance.digest([of_run, digests])
    origin: dict[str, Any] = {"inputs": inputs, "settings": of_run}
    with only_one(work.parent):
        config, folder = _trained(settings, stats, work, runtime)
        if folder != work:
            rate = config["training_module"]["optimizer"]["lr"]
            origin["settings"] |= {"retried": True, "learning_rate_used": rate}
        # all at the end: a workflow that submits a job twice removes the files of the first
        provenance.write_text(output / CONFIG_FILE, yaml.safe_dump(config, sort_keys=False))
        metrics = _metrics(folder, settings)
        tables.write(metrics, output / METRICS_FILE, **origin, made_from=made_from)
        with provenance.atomic(output / MODEL_FILE) as temporary:
            save_plain(folder / f"{BEST}.ckpt", temporary, {"run": settings.run, **made_from})
        provenance.record(output / MODEL_FILE, **origin)
        shutil.rmtree(work)


def _hashes(settings: RunSettings, run: Path) -> dict[str, str]:
    """Return the hashes of store, splits and subset, which must be made for each other.

    Raises
    ------
    InputError
        If they are not, or the subset has another number of frames than ``n_train``.
    """
    with StoreReader(Path(settings.store)) as reader:
        frames, found = read_subset(Path(settings.subset), reader, Path(settings.splits))
    if len(frames) != settings.n_train:
        raise InputError(
            f"{run}: n_train = {settings.n_train}, but {settings.subset} has {len(frames)} frames; "
            "they must agree. Fix n_train, or make the subset again."
        )
    return found


def _require_runtime(run: RunSettings, runtime: Mapping[str, Any]) -> None:
    """Refuse devices, kernels and precision before the data are read."""
    device = str(runtime.get("device", "cpu"))
    require_ranks(runtime, run.training.batch_size)
    require_device(device, int(runtime.get("devices", 1)))
    select(run.architecture, runtime)
    if runtime.get("tf32") and device == "cpu":
        raise InputError(
            "TF32 on the CPU: it exists on a GPU only. "
            "Set `runtime.device: cuda`, or leave out --tf32."
        )


def _trained(
    settings: RunSettings, stats: Statistics, work: Path, runtime: Mapping[str, Any]
) -> tuple[dict[str, Any], Path]:
    """Train, and once more if that diverged and the settings allow it.

    Returns
    -------
    What nequip was given, and the folder of the checkpoints.
    """
    *others, last = attempts(settings, work)
    for one in others:
        config = render(one.settings, stats, one.folder, runtime)
        why = diverged(one, partial(_train_from_last, config, one.folder, runtime))
        if not why:
            return config, one.folder
        rates = [attempt.settings.training.learning_rate for attempt in (last, one)]
        log.warning("training diverged (%s): again, with a rate of %g, not %g", why, *rates)
        last.folder.mkdir()
    config = render(last.settings, stats, last.folder, runtime)
    _train_from_last(config, last.folder, runtime)
    return config, last.folder


def _train_from_last(config: dict[str, Any], work: Path, runtime: Mapping[str, Any]) -> None:
    """Train, from the last checkpoint of ``work`` if there is one; leave the config beside it."""
    last = work / f"{LAST}.ckpt"
    if last.is_file():
        log.info("resuming from %s", last)
        _adopt_model(last, config)
        config = {**config, "ckpt_path": str(last)}
    provenance.write_text(work / CONFIG_FILE, yaml.safe_dump(config, sort_keys=False))
    if number(runtime) == 1:
        nequip_train(config, work)
    else:
        train_on_ranks(work / CONFIG_FILE, int(runtime["devices"]), int(runtime.get("nodes", 1)))


def _adopt_model(last: Path, config: dict[str, Any]) -> None:
    """Bring the last checkpoint to this job's kernels, or say that the file is damaged.

    It must hold tensors and plain values alone. nequip, which reads it next, unpickles anything.
    """
    try:
        adopt(last, config["training_module"]["model"])
    except (RuntimeError, EOFError, KeyError, pickle.UnpicklingError):
        raise InputError(
            f"{last}: not a whole checkpoint, or not one of this project's trainings, so training "
            "cannot resume from it. "
            "Delete it to start this run anew."
        ) from None


def _metrics(work: Path, run: RunSettings) -> pd.DataFrame:
    """Return the validation metrics of every epoch, in meV and Å."""
    history = tables.read(work / HISTORY_FILE, columns=("epoch", "step", *_METRIC_NAMES))
    columns = {name: history[name] for name in ("epoch", "step")}
    columns |= {new: history[old] * EV_MEV for old, new in _METRIC_NAMES.items()}
    keys = {str(name): getattr(run, name) for name in RUN_COLUMNS}
    return tables.with_run(pd.DataFrame(columns), keys)

"""How dynamics run: the config key ``dynamics``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e3d.errors import InputError
from study.schema import check, rules_of


@dataclass(frozen=True)
class Settings:
    """Which molecules run, at which temperatures (rising), with how many replicas at each."""

    molecules: tuple[str, ...]  # canonical SMILES
    temperatures_K: tuple[float, ...]
    replicas: tuple[int, ...]
    time_step_fs: float
    steps: int
    sample_every: int  # steps from one sample to the next
    friction_fs: float  # relaxation time of the momenta
    equilibration_fs: float  # left out of means and spectra
    seed: int  # of momenta and noise

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Settings":
        """Build the settings from a validated mapping."""
        pairs = sorted(zip(values["temperatures_K"], values["replicas"], strict=True))
        temperatures, replicas = zip(*pairs, strict=True)
        lists = {"temperatures_K": temperatures, "replicas": replicas}
        return cls(**{**values, **lists, "molecules": tuple(values["molecules"])})

    @property
    def sample_fs(self) -> float:
        """Time between two samples, fs."""
        return self.time_step_fs * self.sample_every

    @property
    def n_samples(self) -> int:
        """Samples of a replica that stays intact, the start among them."""
        return 1 + self.steps // self.sample_every

    @property
    def first_sample(self) -> int:
        """The first sample that counts: the start never does, nor equilibration."""
        return max(1, round(self.equilibration_fs / self.sample_fs))


def read_settings(values: Mapping[str, Any]) -> Settings:
    """Return the settings of the config key ``dynamics``, checked against its schema.

    Raises
    ------
    InputError
        For an unknown or missing key, or a value that is not allowed.
    """
    checked = check(dict(values), rules_of("config")["properties"]["dynamics"], "dynamics")
    check_dynamics(checked)
    return Settings.from_dict(checked)


def check_dynamics(dynamics: Mapping[str, Any]) -> None:
    """Refuse settings that do not go together.

    Raises
    ------
    InputError
        If there are more temperatures than numbers of replicas, or fewer, or if no sample is taken
        after equilibration.
    """
    temperatures, replicas = len(dynamics["temperatures_K"]), len(dynamics["replicas"])
    if temperatures != replicas:
        raise InputError(
            f"dynamics.replicas has {replicas} numbers, dynamics.temperatures_K {temperatures} - "
            "one number of replicas for each temperature. Change one of them."
        )
    settings = Settings.from_dict(dynamics)
    if settings.first_sample >= settings.n_samples:
        raise InputError(
            f"dynamics.steps = {settings.steps} of {settings.time_step_fs:g} fs, with a sample "
            f"every {settings.sample_every} steps, end before a sample counts: none does within "
            f"equilibration_fs = {settings.equilibration_fs:g}. Raise `dynamics.steps`, or lower "
            "`sample_every` or `equilibration_fs`."
        )

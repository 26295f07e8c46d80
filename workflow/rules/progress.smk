# What the logger plug-in `study` (study/progress) is told: where things are, and what takes how long.
from e3d.errors import InputError
from study.config import PUBLISHED as PUBLICATIONS
from study.job_resources import training_seconds
from study.progress import facts as progress
from study.progress.jobs import Training

EARLIER = [
    PUBLICATIONS / name
    for name in (SETTINGS["study"], "default")
    if (PUBLICATIONS / name / progress.COSTS_FILE).is_file()
]
MEAN_S = progress.earlier_means(EARLIER)


def trained_like(study, model, n_train):
    """The settings of a training, and the seconds of its steps on the machine of the benchmarks."""
    run = {"run": "", "dataset": "", "n_train": n_train, "model": model, "seed": 0}
    settings = run_settings(study, run, RESULTS)
    seconds = training_seconds(settings.architecture, settings.training, study.runtime(model))
    return settings.training, seconds


@cache  # a study may have thousands of runs, of a few sizes
def trained_here(model, n_train):
    """The same for a training of this study."""
    return trained_like(STUDY, model, n_train)


@cache
def speed():
    """What trainings of the earlier study took over what is computed, and its datasets."""
    if not EARLIER:
        return 1.0, []
    if EARLIER[0].name == SETTINGS["study"]:
        computed = [trained_here(run["model"], run["n_train"])[1] for run in RUNS]
        return progress.speed_of(MEAN_S, computed), STUDY.used("dataset")
    files = (read_yaml(Path(f"config/{name}.yaml")) for name in ("config", "datasets"))
    try:
        study = load_study(*files)
    except InputError:  # the default study is not what was published any more
        return 1.0, []
    computed = [trained_like(study, run["model"], run["n_train"])[1] for run in study.runs()]
    return progress.speed_of(MEAN_S, computed), study.used("dataset")


def expected_training(wildcards):
    """The run, epochs and folder of a training, and the seconds that it is expected to take."""
    run = TRAINED.format(**wildcards)
    training, seconds = trained_here(wildcards["model"], int(wildcards["n_train"]))
    factor, datasets = speed()
    seconds *= factor if wildcards["dataset"] in datasets else 1.0
    epochs = training.steps // training.steps_per_epoch
    return Training(run, epochs, Path(f"{RESULTS}/train/{run}")), progress.START_S + seconds


FACTS = progress.Facts(
    results=Path(RESULTS),
    costs=Path(f"{RESULTS}/costs"),
    figures=Path(FIGURES_FOLDER),
    findings=Path(f"{FIGURES_FOLDER}/findings.md"),
    mean_s=MEAN_S,
    training=expected_training,
)
logger.info(f"The study's results go to {RESULTS}/.", extra={progress.FACTS: FACTS})

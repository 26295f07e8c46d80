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


def computed_seconds(study, run):
    """The seconds of the steps of a training, on a machine like the one of the benchmarks."""
    settings = run_settings(study, run, RESULTS)
    return training_seconds(settings.architecture, settings.training, study.runtime(run["model"]))


@cache
def speed():
    """What trainings of the earlier study took over what is computed, and its datasets."""
    if not EARLIER:
        return 1.0, []
    study = STUDY
    if EARLIER[0].name != SETTINGS["study"]:
        files = (read_yaml(Path(f"config/{name}.yaml")) for name in ("config", "datasets"))
        try:
            study = load_study(*files)
        except InputError:  # the default study is not what was published any more
            return 1.0, []
    computed = [computed_seconds(study, run) for run in study.runs()]
    return progress.speed_of(MEAN_S, computed), study.used("dataset")


def expected_training(wildcards):
    """The run, epochs and folder of a training, and the seconds that it is expected to take."""
    run = {
        **wildcards,
        "run": TRAINED.format(**wildcards),
        "n_train": int(wildcards["n_train"]),
    }
    training = run_settings(STUDY, run, RESULTS).training
    factor, datasets = speed()
    seconds = computed_seconds(STUDY, run) * (factor if run["dataset"] in datasets else 1.0)
    epochs = training.steps // training.steps_per_epoch
    folder = Path(f"{RESULTS}/train/{run['run']}")
    return Training(run["run"], epochs, folder), progress.START_S + seconds


FACTS = progress.Facts(
    results=Path(RESULTS),
    costs=Path(f"{RESULTS}/costs"),
    figures=Path(FIGURES_FOLDER),
    findings=Path(f"{FIGURES_FOLDER}/findings.md"),
    mean_s=MEAN_S,
    training=expected_training,
)
logger.info(f"The study's results go to {RESULTS}/.", extra={progress.FACTS: FACTS})

# Datasets and given models of the study: their files, and what their entries say of them.
from study.at_hand import require_frames
from study.data.entries import geometries_of, is_labelled, read_options

SOURCES = {name: STUDY.datasets[name] for name in STUDY.sources()}
MIXTURES = STUDY.mixtures()
PARTS = STUDY.parts()  # datasets with the frames of another one, and of which
TAUGHT = {  # and those that a model labels, by its file
    name: STUDY.datasets[name]["teacher"] for name in PARTS if "teacher" in STUDY.datasets[name]
}
# Files that can be fetched: the settings they are fetched by.
FETCHED = {
    entry["path"]: {"dataset": name} | entry for name, entry in SOURCES.items() if "url" in entry
} | {
    entry["isolated_atoms"]: {"dataset": name, "url": entry["isolated_atoms_url"]}
    for name, entry in SOURCES.items()
    if "isolated_atoms_url" in entry
}
# Files that are labelled here, and the sampled conformations they are labelled from.
LABELLED = {entry["path"]: entry for entry in SOURCES.values() if is_labelled(entry)}
SAMPLED = {geometries_of(entry): entry for entry in LABELLED.values() if "molecules" in entry}
# Files of given models that can be fetched.
GIVEN_FILES = {
    STUDY.models[name].path: STUDY.models[name]
    for name in SETTINGS["given"]
    if STUDY.models[name].url
}
if workflow.is_main_process and not PUBLISHED:
    try:
        require_frames(STUDY, Path(RESULTS))
    except Exception as error:  # whatever it is: no user reads a traceback
        sys.exit(message_of(error))


def of_file(key):
    """A setting of the dataset that is fetched into a file; empty where it has none."""
    return lambda wildcards: str(FETCHED[wildcards.file].get(key, ""))


def of_given_file(key):
    """What the registry says of the model that is fetched into a file; empty where it does not."""
    return lambda wildcards: str(getattr(GIVEN_FILES[wildcards.model_file], key) or "")


def of_source(key, default):
    """What the entry of a dataset says."""
    return lambda wildcards: SOURCES[wildcards.dataset].get(key, default)


def file_in_layout(layout):
    """The dataset's own file, if it has this layout."""

    def file(wildcards):
        entry = SOURCES.get(dataset_of(wildcards), {})
        return entry["path"] if entry.get("layout") == layout else []

    return file


def options_of_reading(wildcards):
    """The options of `data read` that shape the store."""
    return shlex.join(read_options(SOURCES[wildcards.dataset]))


def parts_of(wildcards):
    """The stores that a mixture is mixed from."""
    parts = STUDY.datasets[wildcards.dataset]["mix"]
    return [f"{RESULTS}/data/{name}/store.h5" for name in parts]


def mix_options(wildcards):
    """The options of `data mix`."""
    entry = STUDY.datasets[wildcards.dataset]
    shares = [f"{name}={share}" for name, share in entry["mix"].items()]
    residual = ["--apply-residual"] if entry["apply_residual"] else []
    return shlex.join(["--shares", *shares, *residual])


def subset_options(wildcards):
    """The options of `data subset` by the configuration's `subset` and the dataset's entry."""
    molecules = STUDY.datasets[wildcards.dataset].get("training_molecules")
    settings = SETTINGS["subset"] | ({"training_molecules": molecules} if molecules else {})
    options = []
    for key, value in settings.items():
        values = map(str, value if isinstance(value, list) else [value])
        options += [f"--{key.replace('_', '-')}", *values]
    return shlex.join(options)

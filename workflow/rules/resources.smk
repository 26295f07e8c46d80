# What a job asks for, as functions of its wildcards and its attempt. None of it plans a job again.
from study.data.entries import sources
from study.job_resources import GPU_MB, grown, most, training_memory_mb, training_minutes


def data_gb(dataset):
    """The size of a dataset's files, all parts of a mixture; by its entry while it is not there."""
    size = 0
    for name in sources([dataset], STUDY.datasets):
        path = Path(SOURCES[name]["path"])
        size += SOURCES[name].get("bytes") or (path.stat().st_size if path.is_file() else 0)
    return size / 1e9


DATA_GB = {name: data_gb(name) for name in {*STUDY.used("dataset"), *SOURCES, *MIXTURES}}
# A group runs up to this many jobs at a time, `cores` of cluster/profile.yaml, in at most so many
# rounds. A job of a group may ask for a part of a partition's limits only, so that the group stays
# within them at every attempt.
GROUP_WIDTH, GROUP_ROUNDS = 8, 12
MODEL_MB = 2000 + GPU * GPU_MB  # of a process that uses a model


def most_minutes(gpus=0):
    """The longest that the site lets a job with so many GPUs run."""
    return most("max_runtime", SITE["partitions"], gpus)


def most_mem_mb(gpus=0):
    """The memory of the largest node for a job with so many GPUs; None: the site does not say."""
    return most("max_mem_mb", SITE["partitions"], gpus)


def growing(base, per_gb, per_run, limit):
    """An amount that grows with the dataset, the number of runs and the attempt, up to a limit."""

    def amount(wildcards, attempt):
        of_data = per_gb * DATA_GB[dataset_of(wildcards)] if per_gb else 0
        asked = grown(base + of_data + per_run * len(TESTED_ON), attempt)
        return asked if limit is None else min(asked, limit)

    return amount


def mem_mb(base, per_gb=0, per_run=0, gpus=0, grouped=False):
    """Memory in MB, at most that of a node."""
    limit = most_mem_mb(gpus)
    return growing(base, per_gb, per_run, limit // GROUP_WIDTH if limit and grouped else limit)


def minutes(base, per_gb=0, per_run=0, gpus=0, grouped=False):
    """Run time in minutes, at most what the site allows."""
    limit = most_minutes(gpus)
    return growing(base, per_gb, per_run, max(1, limit // GROUP_ROUNDS) if grouped else limit)


def gpu_model(wildcards):
    """The site's type of GPU; without a GPU the plug-in would ask for `--gpus=type:0`."""
    return SITE["gpu_model"] if GPU and SITE["gpu_model"] else None


# --- trainings


def ranks(wildcards):
    """The processes of a training, on all nodes."""
    runtime = STUDY.runtime(wildcards.model)
    return runtime["devices"] * runtime["nodes"]


def training_gpus(wildcards):
    """A GPU for each process."""
    return GPU * ranks(wildcards)


def training_mem_mb(wildcards, attempt):
    """The memory of all processes of a node, which is what Slurm counts."""
    run, runtime = settings_of(wildcards), STUDY.runtime(wildcards.model)
    each = training_memory_mb(run.architecture, run.training, runtime, run.n_train, attempt)
    asked = each * runtime["devices"]
    return min(asked, most_mem_mb(training_gpus(wildcards)) or asked)


def training_runtime(wildcards, attempt):
    """The minutes of a training."""
    run, runtime = settings_of(wildcards), STUDY.runtime(wildcards.model)
    asked = training_minutes(run.architecture, run.training, runtime, attempt)
    return min(asked, most_minutes(training_gpus(wildcards)))


def training_options(wildcards):
    """How a run is trained, by its model size; it plans nothing."""
    runtime = STUDY.runtime(wildcards.model)
    options = [
        f"--{name.replace('_', '-')} {runtime[name]}"
        for name in ("devices", "nodes", "compile_mode", "kernels")
    ]
    return " ".join(options + ["--tf32"] * runtime["tf32"])


def several_processes(wildcards):
    """What a training of several processes asks for beside memory, time and GPUs.

    srun starts them inside the job, so that Slurm gives it more than one task.
    """
    runtime = STUDY.runtime(wildcards.model)
    devices, nodes = runtime["devices"], runtime["nodes"]
    if devices * nodes == 1:
        return {}
    # tasks_per_gpu: 0 keeps every GPU of a node visible to each process
    asked = {"mpi": "srun", "nodes": nodes, "tasks_per_gpu": 0}
    # Slurm takes only one of the two
    asked |= {"tasks": nodes} if devices == 1 else {"tasks_per_node": devices}
    if GPU and nodes > 1:  # `--gpus` alone lets Slurm split eight into five and three
        model = f"{SITE['gpu_model']}:" if SITE["gpu_model"] else ""
        asked["slurm_extra"] = f"--gpus-per-node={model}{devices}"
    return asked


def of_several_processes(key):
    """One of these; None leaves a resource out."""
    return lambda wildcards: several_processes(wildcards).get(key)

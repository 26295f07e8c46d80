# What a job asks for, as functions of its wildcards and its attempt. Nothing here plans a job again.
from study.data.entries import sources
from study.job_resources import GPU_MB, grown, most, training_memory_mb, training_minutes


def data_gb(dataset):
    """The size of a dataset's files, of a mixture all of them; as its entry says, before they are there."""
    entries = [SOURCES[name] for name in sources([dataset], STUDY.datasets)]
    size = lambda entry: entry.get("bytes") or (
        Path(entry["path"]).stat().st_size if Path(entry["path"]).is_file() else 0
    )
    return sum(map(size, entries)) / 1e9


DATA_GB = {name: data_gb(name) for name in {*STUDY.used("dataset"), *SOURCES}}


# A group runs up to this many jobs at a time, `cores` of cluster/profile.yaml, in at most this many rounds: its jobs
# may ask for so much less than a partition's limits, that the group stays within them at every attempt.
GROUP_WIDTH, GROUP_ROUNDS = 8, 12
MODEL_MB = 2000 + GPU * GPU_MB  # of a process that uses a model


def growing(base, per_gb, per_run, limit):
    """An amount that grows with the dataset's files and the number of runs, and doubles with each attempt."""

    def amount(wildcards, attempt):
        more = per_gb * DATA_GB[wildcards.dataset] if per_gb else 0
        asked = grown(base + more + per_run * len(RUNS), attempt)
        return asked if limit is None else min(asked, limit)

    return amount


def most_minutes(gpus=0):
    """The longest that the site lets a job with so many GPUs run."""
    return most("max_runtime", SITE["partitions"], gpus)


def most_mem_mb(gpus=0):
    """The memory of the largest node for a job with so many GPUs; None where the site does not say it."""
    return most("max_mem_mb", SITE["partitions"], gpus)


def mem_mb(base, per_gb=0, per_run=0, gpus=0, grouped=False):
    """As much as a node has at most."""
    limit = most_mem_mb(gpus)
    if limit and grouped:
        limit = limit // GROUP_WIDTH
    return growing(base, per_gb, per_run, limit)


def minutes(base, per_gb=0, per_run=0, gpus=0, grouped=False):
    """As long as the site allows at most."""
    limit = most_minutes(gpus)
    if grouped:
        limit = max(1, limit // GROUP_ROUNDS)
    return growing(base, per_gb, per_run, limit)


def gpu_model(wildcards):
    """The site's type of GPU for jobs that have one; for others the plug-in would ask for `--gpus=type:0`."""
    return SITE["gpu_model"] if GPU and SITE["gpu_model"] else None


def training_mem_mb(wildcards, attempt):
    run, runtime = settings_of(wildcards), STUDY.runtime(wildcards.model)
    each = training_memory_mb(
        run.architecture, run.training, runtime, run.n_train, attempt
    )
    asked = each * runtime["devices"]  # Slurm counts memory by node
    return min(asked, most_mem_mb(training_gpus(wildcards)) or asked)


def training_runtime(wildcards, attempt):
    run, runtime = settings_of(wildcards), STUDY.runtime(wildcards.model)
    return min(
        training_minutes(run.architecture, run.training, runtime, attempt),
        most_minutes(training_gpus(wildcards)),
    )


def training_options(wildcards):
    """Runtime settings of the run's model size: how it is trained, which plans nothing."""
    runtime = STUDY.runtime(wildcards.model)
    options = {
        key: runtime[key] for key in ("devices", "nodes", "compile_mode", "kernels")
    }
    texts = [f"--{key.replace('_', '-')} {value}" for key, value in options.items()]
    return " ".join([*texts, *(["--tf32"] if runtime["tf32"] else [])])


def ranks(wildcards):
    """Processes of a training, on all nodes."""
    runtime = STUDY.runtime(wildcards.model)
    return runtime["devices"] * runtime["nodes"]


def training_gpus(wildcards):
    return ranks(wildcards) if ON_GPU else 0


# Several processes are started by srun inside the job, so that Slurm gives the job more than one task;
# a resource that is None is left out. tasks_per_gpu: 0 keeps every GPU of a node visible to each process.
def training_mpi(wildcards):
    return "srun" if ranks(wildcards) > 1 else None


def training_nodes(wildcards):
    return STUDY.runtime(wildcards.model)["nodes"] if ranks(wildcards) > 1 else None


def training_tasks(wildcards):
    """Where a node has one process; else tasks_per_node says it, and Slurm takes only one of the two."""
    devices = STUDY.runtime(wildcards.model)["devices"]
    return ranks(wildcards) if ranks(wildcards) > 1 and devices == 1 else None


def training_tasks_per_node(wildcards):
    devices = STUDY.runtime(wildcards.model)["devices"]
    return devices if devices > 1 else None


def training_tasks_per_gpu(wildcards):
    return 0 if ranks(wildcards) > 1 else None


def training_slurm_extra(wildcards):
    """As many GPUs on each node: `--gpus` alone lets Slurm split them five and three."""
    runtime = STUDY.runtime(wildcards.model)
    if not GPU or runtime["nodes"] == 1:
        return None
    model = f"{SITE['gpu_model']}:" if SITE["gpu_model"] else ""
    return f"--gpus-per-node={model}{runtime['devices']}"

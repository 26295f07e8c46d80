# Train every run of the grid with nequip-train. Nothing here depends on the source of the packages:
# editing code never plans a training.


rule train_settings:
    output:
        f"<results>/train/{TRAINED}/run.yaml",
    log:
        f"<logs>/train/settings/{TRAINED}.log",
    benchmark:
        f"<costs>/train/settings/{TRAINED}.tsv"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        settings=run_json,
    message:
        f"settings of {THIS_TRAINING}"
    shell:
        "python -m study settings {params.settings:q} -o {output} --log {log}"


rule train_run:
    input:
        settings=f"<results>/train/{TRAINED}/run.yaml",
        store="<results>/data/{dataset}/store.h5",
        splits="<results>/data/{dataset}/splits.parquet",
        subset="<results>/data/{dataset}/subsets/n{n_train}.csv",
    output:
        metrics=f"<results>/train/{TRAINED}/metrics.csv",
        model=f"<results>/train/{TRAINED}/model.ckpt",
        config=f"<results>/train/{TRAINED}/nequip.yaml",
    log:
        f"<logs>/train/run/{TRAINED}.log",
    benchmark:
        f"<costs>/train/run/{TRAINED}.tsv"
    conda:
        TRAIN_ENV
    threads: 4 if GPU else 1  # beside a GPU: what compiles kernels for it
    resources:
        mem_mb=training_mem_mb,
        runtime=training_runtime,
        gpu=training_gpus,
        gpu_model=gpu_model,
        mpi=of_several_processes("mpi"),
        nodes=of_several_processes("nodes"),
        tasks=of_several_processes("tasks"),
        tasks_per_node=of_several_processes("tasks_per_node"),
        tasks_per_gpu=of_several_processes("tasks_per_gpu"),
        slurm_extra=of_several_processes("slurm_extra"),
        device=DEVICE,
        options=training_options,
    message:
        f"training {THIS_TRAINING}"
    shell:
        "python -m study train {input.settings} --device {resources.device} {resources.options} "
        "-o $(dirname {output.model}) --log {log}"

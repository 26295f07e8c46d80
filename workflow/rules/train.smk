# Train every run of the grid with nequip-train. Nothing here depends on the package's source: editing code
# never plans a training.


rule train_settings:
    output:
        f"<results>/train/{RUN}/run.yaml",
    log:
        f"<logs>/train/settings/{RUN}.log",
    benchmark:
        f"<costs>/train/settings/{RUN}.tsv"
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
        "settings of {wildcards.dataset} n={wildcards.n_train} {wildcards.model} seed {wildcards.seed}"
    shell:
        "python -m study settings {params.settings:q} -o {output} --log {log}"


rule train_run:
    input:
        settings=f"<results>/train/{RUN}/run.yaml",
        store="<results>/data/{dataset}/store.h5",
        splits="<results>/data/{dataset}/splits.parquet",
        subset="<results>/data/{dataset}/subsets/n{n_train}.csv",
    output:
        model=f"<results>/train/{RUN}/model.ckpt",
        metrics=f"<results>/train/{RUN}/metrics.csv",
        config=f"<results>/train/{RUN}/nequip.yaml",
    log:
        f"<logs>/train/run/{RUN}.log",
    benchmark:
        f"<costs>/train/run/{RUN}.tsv"
    conda:
        TRAIN_ENV
    threads: 4 if ON_GPU else 1  # beside a GPU: what compiles kernels for it
    resources:
        mem_mb=training_mem_mb,
        runtime=training_runtime,
        gpu=training_gpus,
        gpu_model=gpu_model,
        mpi=training_mpi,
        nodes=training_nodes,
        tasks=training_tasks,
        tasks_per_node=training_tasks_per_node,
        tasks_per_gpu=training_tasks_per_gpu,
        slurm_extra=training_slurm_extra,
        device=DEVICE,
        options=training_options,
    message:
        "training {wildcards.model} on {wildcards.n_train} frames of {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "python -m study train {input.settings} -o $(dirname {output.model}) --device {resources.device} "
        "{resources.options} --log {log}"


rule train:
    input:
        "<results>/train/metrics.csv",
    localrule: True

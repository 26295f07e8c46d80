# Bond energies of every run on the test sets and on the named bonds' relaxed molecules.


rule decompose_run:
    input:
        model=f"<results>/train/{RUN}/model.ckpt",
        settings=f"<results>/train/{RUN}/run.yaml",
        store="<results>/data/{dataset}/store.h5",
        splits="<results>/data/{dataset}/splits.parquet",
        named="resources/named_bonds.xyz",
        code=code_of("decompose"),
    output:
        DECOMPOSED,
        first=f"<results>/decompose/{RUN}/{NAMED_BONDS}/summary.json",
    log:
        f"<logs>/decompose/{RUN}.log",
    benchmark:
        f"<costs>/decompose/{RUN}.tsv"
    conda:
        TRAIN_ENV
    threads: 1
    resources:
        mem_mb=mem_mb(MODEL_MB, per_gb=100, gpus=GPU),
        runtime=minutes(60, per_gb=20, gpus=GPU),
        gpu=GPU,
        gpu_model=gpu_model,
        device=DEVICE,
    message:
        "decomposing {wildcards.model} n={wildcards.n_train} seed {wildcards.seed} of {wildcards.dataset}"
    shell:
        "python -m study decompose {input.model} {input.store} {input.named} --splits {input.splits} "
        "--run {input.settings} --skip-unknown-elements --device {resources.device} "
        "-o $(dirname $(dirname {output.first})) --log {log}"


rule decompose:
    input:
        of_stage("decompose"),
    localrule: True

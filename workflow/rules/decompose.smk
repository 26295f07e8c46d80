# Bond energies of every run on the test sets and on the named bonds' relaxed molecules.


rule decompose_run:
    input:
        model=model_of,
        settings=f"<results>/train/{RUN}/run.yaml",
        store=of_run("data/{dataset}/store.h5"),
        splits=of_run("data/{dataset}/splits.parquet"),
        tests=TEST_STORES,
        named=NAMED_BONDS_FILE,
        laws=laws_of_given,
        code=code_of("decompose"),
    output:
        [file for name in DECOMPOSED_FILES for file in decomposed(name)],
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
    params:
        folder=f"{RESULTS}/decompose/{RUN}",
    message:
        f"decomposing {THIS_RUN}"
    shell:
        UNLESS_BROKEN
        + "python -m study decompose {input.model} {input.store} {input.tests} {input.named} "
        "--splits {input.splits} --run {input.settings} --skip-unknown-elements "
        "--device {resources.device} -o {params.folder} --log {log}"

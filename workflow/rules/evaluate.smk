# Energy and force errors of every run on both test sets.


rule evaluate_run:
    input:
        model=model_of,
        settings=f"<results>/train/{RUN}/run.yaml",
        store=of_run("data/{dataset}/store.h5"),
        splits=of_run("data/{dataset}/splits.parquet"),
        tests=TEST_STORES,
        laws=laws_of_given,
        code=code_of("evaluate"),
    output:
        **outputs("evaluate"),
    log:
        f"<logs>/evaluate/{RUN}.log",
    benchmark:
        f"<costs>/evaluate/{RUN}.tsv"
    conda:
        TRAIN_ENV
    threads: 1
    resources:
        mem_mb=mem_mb(MODEL_MB, per_gb=50, gpus=GPU),
        runtime=minutes(60, per_gb=10, gpus=GPU),
        gpu=GPU,
        gpu_model=gpu_model,
        device=DEVICE,
    message:
        f"errors of {THIS_RUN}"
    shell:
        UNLESS_BROKEN + "python -m study evaluate {input.model} {input.store} {input.tests} "
        "--skip-unknown-elements --splits {input.splits} --run {input.settings} "
        "--device {resources.device} -o {output} --log {log}"

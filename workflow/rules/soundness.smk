# Laws that the model of every run must obey: tables and figures are made from those that do.


rule soundness_run:
    input:
        model=model_of,
        settings=f"<results>/train/{RUN}/run.yaml",
        store=of_run("data/{dataset}/store.h5"),
        splits=of_run("data/{dataset}/splits.parquet"),
        tests=TEST_STORES,
        named=NAMED_BONDS_FILE,
        subset=training_frames,
        config=trained_by,
        code=code_of("soundness"),
    output:
        **outputs("soundness"),
    log:
        f"<logs>/soundness/{RUN}.log",
    benchmark:
        f"<costs>/soundness/{RUN}.tsv"
    conda:
        "../../envs/train-cpu.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=minutes(30),
    params:
        training=lambda wildcards, input: (
            f"--subset {input.subset} --config {input.config}" if input.subset else ""
        ),
    message:
        f"checking the laws that {THIS_RUN} must obey"
    shell:
        "python -m study soundness {input.model} {input.store} {input.tests} "
        "--splits {input.splits} --named {input.named} {params.training} --run {input.settings} "
        "-o {output.laws} --log {log}"

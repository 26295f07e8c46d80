# Molecular dynamics of the largest runs: D(t), its spectrum, and D before a bond breaks.


rule dynamics_run:
    input:
        model=model_of,
        settings=f"<results>/train/{RUN}/run.yaml",
        named=NAMED_BONDS_FILE,
        laws=laws_of_given,
        code=code_of("dynamics"),
    output:
        **outputs("dynamics"),
    log:
        f"<logs>/dynamics/{RUN}.log",
    benchmark:
        f"<costs>/dynamics/{RUN}.tsv"
    conda:
        TRAIN_ENV
    threads: 1
    resources:
        mem_mb=mem_mb(MODEL_MB, gpus=GPU),
        runtime=minutes(240, gpus=GPU),
        gpu=GPU,
        gpu_model=gpu_model,
        device=DEVICE,
    params:
        dynamics=json.dumps(SETTINGS["dynamics"], sort_keys=True),
    message:
        f"dynamics with {THIS_RUN}"
    shell:
        UNLESS_BROKEN
        + "python -m study dynamics {input.model} {input.named} --run {input.settings} "
        "--settings {params.dynamics:q} --device {resources.device} "
        "-o {output.dynamics} --log {log}"

# Molecular dynamics of the largest runs: D(t), its spectrum, and whether it announces which bond breaks.


rule dynamics_run:
    input:
        model=f"<results>/train/{RUN}/model.ckpt",
        settings=f"<results>/train/{RUN}/run.yaml",
        named="resources/named_bonds.xyz",
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
        dynamics=json.dumps(STUDY.values["dynamics"], sort_keys=True),
    message:
        "dynamics with {wildcards.model} n={wildcards.n_train} seed {wildcards.seed} of {wildcards.dataset}"
    shell:
        "python -m study dynamics {input.model} {input.named} --run {input.settings} "
        "--settings {params.dynamics:q} --device {resources.device} -o {output.dynamics} --log {log}"


rule dynamics:
    input:
        of_stage("dynamics"),
    localrule: True

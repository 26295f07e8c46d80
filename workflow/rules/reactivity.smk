# Barrier heights, stretched bonds, and D along reaction paths.
from study.reactivity import FILES as REACTIVITY_FILES


rule reactivity_run:
    input:
        model=model_of,
        settings=f"<results>/train/{RUN}/run.yaml",
        store=of_run("data/{dataset}/store.h5"),
        subset=training_frames,
        shipped=[path for path, _ in REACTIVITY_FILES.values()],
        transition1x=file_in_layout("transition1x"),
        laws=laws_of_given,
        code=code_of("reactivity"),
    output:
        **outputs("reactivity"),
    log:
        f"<logs>/reactivity/{RUN}.log",
    benchmark:
        f"<costs>/reactivity/{RUN}.tsv"
    conda:
        TRAIN_ENV
    threads: 1
    resources:
        mem_mb=mem_mb(MODEL_MB, per_gb=50, gpus=GPU),
        runtime=minutes(60, per_gb=2, gpus=GPU),
        gpu=GPU,
        gpu_model=gpu_model,
        device=DEVICE,
    params:
        files=" ".join(f"--{name} {path}" for name, (path, _) in REACTIVITY_FILES.items()),
        training=lambda wildcards, input: (
            f"--store {input.store} --subset {input.subset}"
            if input.subset
            else option("theory", given_model(wildcards.run).theory)
        ),
        transition1x=lambda wildcards, input: option("transition1x", input.transition1x),
    message:
        f"reactivity of {THIS_RUN}"
    shell:
        UNLESS_BROKEN + "python -m study reactivity {input.model} {params.training} "
        "--run {input.settings} {params.files} {params.transition1x} --device {resources.device} "
        "-o {output.barriers} --log {log}"

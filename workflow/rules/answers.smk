# Eight questions about scale, asked of every single bond of relaxed molecules.
from study.answers import FILES as ANSWERS_FILES
from study.answers import LABEL_LEVEL
from study.answers.settings import questions_settings


rule answers_run:
    input:
        model=model_of,
        settings=f"<results>/train/{RUN}/run.yaml",
        store=of_run("data/{dataset}/store.h5"),
        subset=training_frames,
        additivity=of_run("null/fit/{dataset}/n{n_train}.types.csv"),
        shipped=[path for path, _ in ANSWERS_FILES.values()],
        label_level=LABEL_LEVEL,
        paths=SETTINGS["answers"]["paths"],
        teacher=lambda wildcards: TAUGHT.get(dataset_of(wildcards), []),
        code=code_of("answers bonds"),
    output:
        **outputs("answers", "bonds", "barriers"),
    log:
        f"<logs>/answers/{RUN}.log",
    benchmark:
        f"<costs>/answers/{RUN}.tsv"
    conda:
        TRAIN_ENV
    threads: 1
    resources:
        mem_mb=mem_mb(MODEL_MB, gpus=GPU),
        runtime=minutes(30, gpus=GPU),
        gpu=GPU,
        gpu_model=gpu_model,
        device=DEVICE,
    params:
        files=" ".join(f"--{name} {path}" for name, (path, _) in ANSWERS_FILES.items()),
        paths=lambda wildcards, input: option("paths", input.paths),
        teacher=lambda wildcards, input: option("teacher", input.teacher),
    message:
        f"bonds of relaxed molecules in {THIS_RUN}"
    shell:
        "python -m study answers bonds {input.model} {params.files} --store {input.store} "
        "--subset {input.subset} --label-level {input.label_level} "
        "--additivity {input.additivity} {params.paths} {params.teacher} --run {input.settings} "
        "--device {resources.device} -o {output.bonds} --log {log}"


rule answers_questions:
    input:
        bonds="<results>/answers/bonds.csv",
        barriers="<results>/answers/barriers.csv",
        code=code_of("answers questions"),
    output:
        **outputs("answers", "answers", "cells", "types"),
    log:
        "<logs>/answers/questions.log",
    benchmark:
        "<costs>/answers/questions.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000, per_run=20),
        runtime=minutes(30, per_run=0.5),
    params:
        about=lambda wildcards: " ".join(
            option(name.replace("_", "-"), values)
            for name, values in questions_settings(SETTINGS["answers"]).items()
        ),
    message:
        "answering the questions about scale"
    shell:
        "python -m study answers questions {input.bonds} --run-barriers {input.barriers} {params.about} -o {output.answers} "
        "--log {log}"

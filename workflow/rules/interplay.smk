# One row per run, and the rank correlations of its columns over (N, M) cells.
from study.interplay import READS as INTERPLAY_READS


rule interplay_tables:
    input:
        tables=expand("<results>/{table}.csv", table=INTERPLAY_READS),
        code=code_of("interplay"),
    output:
        **outputs("interplay"),
    log:
        "<logs>/interplay/tables.log",
    benchmark:
        "<costs>/interplay/tables.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_run=1, grouped=True),
        runtime=minutes(10, per_run=0.1, grouped=True),
    message:
        "correlating the runs"
    shell:
        "python -m study interplay {input.tables} -o {output.runs} --log {log}"

# One row per run, and the rank correlations of its columns over (N, M) cells.


rule interplay_tables:
    input:
        tables=expand(
            "<results>/{table}.csv",
            table=[
                "decompose/summary",
                "evaluate/errors",
                "entropy/entropy",
                "entropy/decomposability",
                "bde/summary",
                "bde/named",
                "reactivity/summary",
            ],
        ),
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

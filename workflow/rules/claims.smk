# What the paper claims, asked of the study's tables over all seeds of a run.
from study.claims import READS as CLAIMS_READS


rule claims_tables:
    input:
        tables=expand("<results>/{table}.csv", table=CLAIMS_READS),
        code=code_of("claims"),
    output:
        **outputs("claims"),
    log:
        "<logs>/claims/tables.log",
    benchmark:
        "<costs>/claims/tables.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_run=1, grouped=True),
        runtime=minutes(10, per_run=0.1, grouped=True),
    message:
        "asking what the paper claims"
    shell:
        "python -m study claims {input.tables} -o {output} --log {log}"

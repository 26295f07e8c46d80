# The study's tables: one row of each run below the other. Figures and findings are made from these alone.


rule tables_collect:
    input:
        tables=collected,
        code=code_of("collect"),
    output:
        "<results>/{table}.csv",
    log:
        "<logs>/tables/{table}.log",
    benchmark:
        "<costs>/tables/{table}.tsv"
    wildcard_constraints:
        table=alternatives(stages.stacked()),
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(500, per_run=1, grouped=True),
        runtime=minutes(5, per_run=0.02, grouped=True),
    params:
        check=check_option,
    message:
        "collecting {wildcards.table}"
    shell:
        "python -m study collect {input.tables} {params.check} -o {output} --log {log}"


rule tables:
    input:
        expand("<results>/{table}.csv", table=stages.TABLES),
    localrule: True

# The study's tables: one row of each run below the other. Figures and findings are made from these alone.


rule tables_collect:
    input:
        collected,
    output:
        "<results>/{stage}/{table}.csv",
    log:
        "<logs>/tables/{stage}-{table}.log",
    benchmark:
        "<costs>/tables/{stage}-{table}.tsv"
    wildcard_constraints:
        stage="train|evaluate|decompose|bde|level|entropy|null|gauge|reactivity",
        table="[a-z_]+",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        check=check_option,
    message:
        "collecting {wildcards.stage}/{wildcards.table}"
    shell:
        "python -m e3d collect {input} {params.check} -o {output} --log {log}"


ruleorder: gauge_tables > tables_collect


rule tables:
    input:
        expand("<results>/{table}.csv", table=COLLECTED),
        "<results>/scaling/fits.csv",
        rules.gauge_tables.output,
        "<results>/interplay/runs.csv",
        "<results>/robustness/pairs.csv",
    localrule: True

# The study's tables, stacked from those of its runs: all that figures and findings are made from.
# Runs whose model breaks a law are left out. A stage's name is the target that makes its tables.


rule tables_collect:
    input:
        tables=collected,
        laws=laws_of_collected,
        code=lambda wildcards: code_of_collecting(wildcards.table),
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
        check=lambda wildcards: stages.TABLES[wildcards.table].check,
        sound=sound_runs_alone,
    message:
        "collecting {wildcards.table}"
    shell:
        "python -m study collect {input.tables} --check={params.check} {params.sound} "
        "-o {output} --log {log}"


for stage in filter(stages.tables_of, stages.names_of(sets=SETS, wanted=SETTINGS["stages"])):

    rule:
        name:
            stage
        input:
            of_stage(stage),
        localrule: True


rule tables:
    input:
        expand(
            "<results>/{table}.csv",
            table=stages.tables_made(sets=SETS, wanted=SETTINGS["stages"]),
        ),
    localrule: True

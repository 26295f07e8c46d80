# The same bonds' D from different training sets.


rule robustness_tables:
    input:
        named="<results>/bde/named.csv",
        code=code_of("robustness"),
    output:
        **outputs("robustness"),
    log:
        "<logs>/robustness/tables.log",
    benchmark:
        "<costs>/robustness/tables.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_run=1, grouped=True),
        runtime=minutes(10, per_run=0.1, grouped=True),
    message:
        "comparing training sets"
    shell:
        "python -m study robustness {input.named} -o {output.pairs} --log {log}"

# Fits of test error against the number of training frames and the model size.


rule scaling_fits:
    input:
        errors="<results>/evaluate/errors.csv",
        code=code_of("scaling"),
    output:
        **outputs("scaling"),
    log:
        "<logs>/scaling/fits.log",
    benchmark:
        "<costs>/scaling/fits.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_run=1, grouped=True),
        runtime=minutes(10, per_run=0.1, grouped=True),
    message:
        "fitting scaling forms"
    shell:
        "python -m study scaling {input.errors} -o {output} --log {log}"

# Models that others trained: fetched, and taken as runs of the study.


# On the machine Snakemake runs on, as data_fetch.
rule given_fetch:
    output:
        "{model_file}",
    log:
        "<logs>/given/fetch/{model_file}.log",
    benchmark:
        "<costs>/given/fetch/{model_file}.tsv"
    wildcard_constraints:
        model_file=alternatives(GIVEN_FILES),
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=60,
        name=of_given_file("name"),
        bytes=of_given_file("bytes"),
        sha256=of_given_file("sha256"),
    params:
        url=of_given_file("url"),
    message:
        "fetching {wildcards.model_file}"
    shell:
        "python -m study model fetch {resources.name} --url {params.url:q} "
        "--bytes={resources.bytes} --sha256={resources.sha256} -o {output:q} --log {log:q}"


rule given_settings:
    output:
        "<results>/train/given/{given}/run.yaml",
    log:
        "<logs>/given/settings/{given}.log",
    benchmark:
        "<costs>/given/settings/{given}.tsv"
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        settings=lambda wildcards: json.dumps(
            next(run for run in GIVEN_RUNS if run["model"] == wildcards.given), sort_keys=True
        ),
    message:
        "settings of the given model {wildcards.given}"
    shell:
        "python -m study given settings {params.settings:q} -o {output} --log {log}"

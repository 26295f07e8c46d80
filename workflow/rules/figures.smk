# Figures, findings and the pieces of the report, from the study's tables alone.


rule figures_draw:
    input:
        tables=figure_tables,
        code=figure_modules,
    output:
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/{figure}.rst",
            category="Figures",
            labels={"figure": "{figure}", "format": "PNG"},
        ),
        svg="<results>/figures/{figure}.svg",
        pdf="<results>/figures/{figure}.pdf",
    log:
        "<logs>/figures/{figure}.log",
    benchmark:
        "<costs>/figures/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(FIGURES),
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        molecules=figure_molecules,
    message:
        "drawing {wildcards.figure}"
    shell:
        "python -m e3d figures {input.tables} --name {wildcards.figure} {params.molecules} "
        "-o {output.png} --log {log}"


rule figures_findings:
    input:
        tables=[f"{TABLES}/{table}.csv" for table in FINDINGS_TABLES],
        code=modules("figures/findings"),
    output:
        report(
            "<results>/figures/findings.md",
            caption="../report/findings.rst",
            category="Findings",
            labels={"what": "findings"},
        ),
    log:
        "<logs>/figures/findings.log",
    benchmark:
        "<costs>/figures/findings.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    message:
        "writing what the tables say"
    shell:
        "python -m e3d findings {input.tables} -o {output} --log {log}"


rule figures:
    input:
        expand("<results>/figures/{figure}.png", figure=FIGURES),
        "<results>/figures/findings.md",
    localrule: True

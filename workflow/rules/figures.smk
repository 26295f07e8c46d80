# Figures, findings and the pieces of the report, from the study's tables alone.


for figure, drawn in FIGURES.items():

    rule:
        name:
            f"figures_{figure}"
        input:
            tables=[f"{TABLES}/{table}.csv" for table in drawn.tables],
            code=code_of("figures", f"figures.{figure}"),
        output:
            png=report(
                f"<figures>/{figure}.png",
                caption=f"../report/{figure}.rst",
                category="Figures",
                # two places, since the report sorts labels as text
                labels={
                    "figure": f"Fig. {number(figure):2}: {figure}",
                    "shows": drawn.shows,
                },
            ),
            svg=f"<figures>/{figure}.svg",
            pdf=f"<figures>/{figure}.pdf",
            numbered=f"<figures>/fig{number(figure)}.pdf",
        log:
            f"<logs>/figures/{figure}.log",
        benchmark:
            f"<costs>/figures/{figure}.tsv"
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=mem_mb(1000, per_run=2, grouped=True),
            runtime=minutes(5, per_run=0.02, grouped=True),
        params:
            figure=figure,
            molecules=figure_molecules(figure),
        message:
            f"drawing {figure}"
        shell:
            "python -m e3d figures {input.tables} --name {params.figure} {params.molecules} "
            "-o {output.png} --numbered {output.numbered} --log {log}"


rule figures_findings:
    input:
        tables=[f"{TABLES}/{table}.csv" for table in needed_tables()],
        code=code_of("findings", *(f"findings.{section}" for section in SECTIONS)),
    output:
        report(
            "<figures>/findings.md",
            caption="../report/findings.rst",
            category="Findings",
            labels={"what": "findings"},
        ),
    log:
        "<logs>/figures/findings.log",
    benchmark:
        "<costs>/figures/findings.tsv"
    conda:
        "../../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_run=2, grouped=True),
        runtime=minutes(5, per_run=0.02, grouped=True),
    message:
        "writing what the tables say"
    shell:
        "python -m e3d findings {input.tables} -o {output} --log {log}"


rule figures:
    input:
        expand("<figures>/{figure}.png", figure=FIGURES),
        "<figures>/findings.md",
    localrule: True

# Figures, findings and the pieces of the report, from the study's tables alone.

WANTED = SETTINGS["stages"]
SECTIONS = stages.sections_made(sets=SETS, wanted=WANTED, has=has_table)
LAWS = [f"{TABLES}/{table}.csv" for table in [stages.LAWS_TABLE] if has_table(table)]
FIGURES = [stages.FIGURES[name] for name in stages.figures_made(sets=SETS, wanted=WANTED)]
# Those of one run are drawn of every given model too, but for one that the figures above show.
OF_GIVEN = [
    (run["model"], figure)
    for run in (GIVEN_RUNS if RUNS else GIVEN_RUNS[1:])
    for figure in FIGURES
    if figure.of_one_run
]

for figure in FIGURES:

    rule:
        name:
            f"figures_{figure.name}"
        input:
            tables=[f"{TABLES}/{table}.csv" for table in figure.tables],
            code=code_of("figures", stages.figure_module(figure.name)),
        output:
            png=report(
                f"<figures>/{figure.name}.png",
                caption=f"../study/{stages.stage_of(figure.name)}/figure_{figure.name}.rst",
                category="Figures",
                # two places, since the report sorts labels as text
                labels={
                    "figure": f"Fig. {figure.number:2}: {figure.name}",
                    "shows": figure.shows,
                },
            ),
            svg=f"<figures>/{figure.name}.svg",
            pdf=f"<figures>/{figure.name}.pdf",
            numbered=f"<figures>/fig{figure.number}.pdf",
        log:
            f"<logs>/figures/{figure.name}.log",
        benchmark:
            f"<costs>/figures/{figure.name}.tsv"
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=mem_mb(1000, per_run=2, grouped=True),
            runtime=minutes(5, per_run=0.02, grouped=True),
        params:
            figure=figure.name,
            settings=figure_settings(figure),
        message:
            f"drawing {figure.name}"
        shell:
            "python -m study figures {input.tables} --name {params.figure} {params.settings} "
            "-o {output.png} --numbered {output.numbered} --log {log}"


for figure in {figure.name: figure for _, figure in OF_GIVEN}.values():

    rule:
        name:
            f"figures_{figure.name}_given"
        input:
            tables=[*(f"{TABLES}/{table}.csv" for table in figure.tables), *LAWS],
            code=code_of("figures", stages.figure_module(figure.name)),
        output:
            png=report(
                f"<figures>/given/{{given}}/{figure.name}.png",
                caption=f"../study/{stages.stage_of(figure.name)}/figure_{figure.name}.rst",
                category="Given models",
                labels={
                    "model": "{given}",
                    "figure": f"Fig. {figure.number:2}: {figure.name}",
                },
            ),
            svg=f"<figures>/given/{{given}}/{figure.name}.svg",
            pdf=f"<figures>/given/{{given}}/{figure.name}.pdf",
        log:
            f"<logs>/figures/given/{{given}}/{figure.name}.log",
        benchmark:
            f"<costs>/figures/given/{{given}}/{figure.name}.tsv"
        conda:
            "../../envs/figures.yaml"
        threads: 1
        resources:
            mem_mb=mem_mb(1000, per_run=2, grouped=True),
            runtime=minutes(5, per_run=0.02, grouped=True),
        params:
            figure=figure.name,
            settings=figure_settings(figure),
        message:
            f"drawing {figure.name} of {{wildcards.given}}"
        shell:
            "python -m study figures {input.tables} --name {params.figure} {params.settings} "
            "--run given/{wildcards.given} -o {output.png} --log {log}"


rule figures_findings:
    input:
        tables=[f"{TABLES}/{table}.csv" for table in stages.findings_tables(SECTIONS)],
        code=code_of("findings", *map(stages.findings_module, SECTIONS)),
    output:
        "<figures>/findings.md",
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
    params:
        sections=option("sections", SECTIONS if WANTED else []),
    message:
        "writing what the tables say"
    shell:
        "python -m study findings {input.tables} {params.sections} -o {output} --log {log}"


rule figures:
    input:
        [f"<figures>/{figure.name}.png" for figure in FIGURES],
        [f"<figures>/given/{given}/{figure.name}.png" for given, figure in OF_GIVEN],
        "<figures>/findings.md",
    localrule: True

# The study's page, and what the report shows of it: from tables, figures and findings alone.


rule site:
    input:
        tables=rules.tables.input,
        figures=[f"<figures>/{figure.name}.png" for figure in FIGURES],
        findings="<figures>/findings.md",
        citation="CITATION.cff",
        web=[
            str(path.relative_to(ROOT))
            for folder in ("src/e3d/drawing", "workflow/study/site")
            for path in sorted((ROOT / folder / "web").iterdir())
        ],
        code=code_of("site"),
    output:
        page="<results>/site/index.html",
        first="<results>/site/first.html",
        findings=report(
            "<results>/site/findings.html",
            caption="../report/findings.rst",
            category="Findings",
            labels={"what": "findings"},
        ),
    log:
        "<logs>/site.log",
    benchmark:
        "<costs>/site.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_run=5, grouped=True),
        runtime=minutes(5, per_run=0.05, grouped=True),
    params:
        study=SETTINGS["study"],
    message:
        "writing the study's page"
    shell:
        "python -m study site {input.tables} {input.figures} {input.findings} "
        "--study {params.study} --citation {input.citation} -o {output.page} --log {log}"

# How much of D is determined: rigidity of the smallest model, spread over seeds, other settings.


rule gauge_rigidity:
    input:
        model=model_of,
        settings=f"<results>/train/{RUN}/run.yaml",
        store=of_run("data/{dataset}/store.h5"),
        subset=training_frames,
        means=decomposed(MEANS_FILE, [NAMED_BONDS]),
        named=NAMED_BONDS_FILE,
        bde=BDE_REFERENCE,
        bond_energies=BOND_ENERGIES,
        code=code_of("gauge rigidity"),
    output:
        **outputs("gauge", "rigidity"),
    log:
        f"<logs>/gauge/{RUN}.rigidity.log",
    benchmark:
        f"<costs>/gauge/{RUN}.rigidity.tsv"
    conda:
        "../../envs/train-cpu.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=minutes(120),
    message:
        f"rigidity of D in {THIS_RUN}"
    shell:
        "python -m study gauge rigidity {input.model} {input.store} --subset {input.subset} "
        "--run {input.settings} --named {input.named} --means {input.means} --bde {input.bde} "
        "--bond-energies {input.bond_energies} -o {output} --log {log}"


rule gauge_tables:
    input:
        named="<results>/bde/named.csv",
        errors="<results>/evaluate/errors.csv",
        rigidity="<results>/gauge/rigidity.csv",
        summary="<results>/decompose/summary.csv",
        code=code_of("gauge tables"),
    output:
        **outputs("gauge", "seeds", "ablations", "contrasts", "compare"),
    log:
        "<logs>/gauge/tables.log",
    benchmark:
        "<costs>/gauge/tables.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_run=2, grouped=True),
        runtime=minutes(10, per_run=0.1, grouped=True),
    message:
        "comparing seeds and variants"
    shell:
        "python -m study gauge tables {input.named} {input.errors} --rigidity {input.rigidity} "
        "--summary {input.summary} -o {output.seeds} --log {log}"

# D beside bond energies and bond orders at the labels' own level of theory.


rule label_theory_run:
    input:
        named=f"<results>/bde/{RUN}.named.csv",
        decomposed=decomposed(BONDS_FILE, [*TEST_SPLITS, NAMED_BONDS]),  # of one store
        means=decomposed(MEANS_FILE, [NAMED_BONDS]),
        settings=f"<results>/train/{RUN}/run.yaml",
        store=of_run("data/{dataset}/store.h5"),
        source=file_in_layout("spice"),  # where bond orders may be
        label_level="resources/label_level.csv",
        references="resources/references.hdf5",
        laws=laws_of_given,
        code=code_of("label-theory"),
    output:
        **outputs("label_theory"),
    log:
        f"<logs>/label_theory/{RUN}.log",
    benchmark:
        f"<costs>/label_theory/{RUN}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_gb=200, grouped=True),
        runtime=minutes(20, per_gb=2, grouped=True),
    message:
        f"D of {THIS_RUN} beside the labels' level of theory"
    shell:
        UNLESS_BROKEN + "python -m study label-theory {input.named} $(dirname {input.decomposed}) "
        "--store {input.store} --orders={input.source:q} "
        "--label-level {input.label_level} --references {input.references} --run {input.settings} "
        "-o {output.bonds} --log {log}"

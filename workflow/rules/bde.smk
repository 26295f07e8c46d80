# D against BDE298, De and mean bond energies, per bond type and per named bond.


rule bde_run:
    input:
        bonds=decomposed(BONDS_FILE),
        means=decomposed(MEANS_FILE),
        settings=f"<results>/train/{RUN}/run.yaml",
        subset=training_frames,
        bde=BDE_REFERENCE,
        bond_energies=BOND_ENERGIES,
        laws=laws_of_given,
        code=code_of("bde"),
    output:
        **outputs("bde"),
    log:
        f"<logs>/bde/{RUN}.log",
    benchmark:
        f"<costs>/bde/{RUN}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_gb=200, grouped=True),
        runtime=minutes(20, per_gb=2, grouped=True),
    params:
        training=lambda wildcards, input: option("subset", input.subset)
        or option("smallest-molecule", [given_model(wildcards.run).smallest_molecule]),
    message:
        f"bond energies of {THIS_RUN}"
    shell:
        UNLESS_BROKEN + "python -m study bde $(dirname {input.means}) --bde {input.bde} "
        "--bond-energies {input.bond_energies} {params.training} --run {input.settings} "
        "-o {output.types} --log {log}"

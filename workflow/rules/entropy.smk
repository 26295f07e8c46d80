# Entropy of D, eps and A by bond type, decomposability, its sensitivity, histograms.


rule entropy_run:
    input:
        bonds=decomposed(BONDS_FILE, STUDY.test_sets()[:-1]),  # those but the named bonds
        means=decomposed(MEANS_FILE, STUDY.test_sets()[:-1]),
        pairs=decomposed(PAIRS_FILE, STUDY.test_sets()[:-1]),
        settings=f"<results>/train/{RUN}/run.yaml",
        laws=laws_of_given,
        code=code_of("entropy"),
    output:
        **outputs("entropy"),
    log:
        f"<logs>/entropy/{RUN}.log",
    benchmark:
        f"<costs>/entropy/{RUN}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_gb=200, grouped=True),
        runtime=minutes(20, per_gb=5, grouped=True),
    params:
        bond_energy=SETTINGS["entropy"]["bond_energy_eV"],
        scaled=SETTINGS["entropy"]["scaled"],
        r=SETTINGS["entropy"]["r_ang"],
    message:
        f"entropy of {THIS_RUN}"
    shell:
        UNLESS_BROKEN + "python -m study entropy $(dirname {input.means}) --run {input.settings} "
        "--bin-bond-energy {params.bond_energy} --bin-scaled {params.scaled} --bin-r {params.r} "
        "-o {output.entropy} --log {log}"

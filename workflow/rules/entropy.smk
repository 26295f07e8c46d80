# Entropy of D, eps and A per bond type, decomposability, its sensitivity, and the histograms the distributions draw.


rule entropy_run:
    input:
        bonds=expand(
            f"<results>/decompose/{RUN}/{{structures}}/bonds.parquet",
            structures=TEST_SPLITS,
            allow_missing=True,
        ),
        means=expand(
            f"<results>/decompose/{RUN}/{{structures}}/bond_means.csv",
            structures=TEST_SPLITS,
            allow_missing=True,
        ),
        pairs=expand(
            f"<results>/decompose/{RUN}/{{structures}}/pairs.parquet",
            structures=TEST_SPLITS,
            allow_missing=True,
        ),
        settings=f"<results>/train/{RUN}/run.yaml",
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
        bond_energy=STUDY.values["entropy"]["bond_energy_eV"],
        scaled=STUDY.values["entropy"]["scaled"],
        r=STUDY.values["entropy"]["r_ang"],
    message:
        "entropy of {wildcards.model} n={wildcards.n_train} seed {wildcards.seed}"
    shell:
        "python -m study entropy $(dirname {input.means}) --run {input.settings} "
        "--bin-bond-energy {params.bond_energy} --bin-scaled {params.scaled} --bin-r {params.r} "
        "-o {output.entropy} --log {log}"


rule entropy:
    input:
        of_stage("entropy"),
    localrule: True

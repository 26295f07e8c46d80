# D against BDE298, De and mean bond energies, per bond type and per named bond.


rule bde_run:
    input:
        bonds=expand(
            f"<results>/decompose/{RUN}/{{structures}}/bonds.parquet",
            structures=STRUCTURES,
            allow_missing=True,
        ),
        means=expand(
            f"<results>/decompose/{RUN}/{{structures}}/bond_means.csv",
            structures=STRUCTURES,
            allow_missing=True,
        ),
        settings=f"<results>/train/{RUN}/run.yaml",
        subset="<results>/data/{dataset}/subsets/n{n_train}.csv",
        bde=BDE_REFERENCE,
        bond_energies=BOND_ENERGIES,
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
    message:
        "bond energies of {wildcards.model} n={wildcards.n_train} seed {wildcards.seed}"
    shell:
        "python -m study bde $(dirname {input.means}) --bde {input.bde} --bond-energies {input.bond_energies} "
        "--subset {input.subset} --run {input.settings} -o {output.types} --log {log}"


rule bde:
    input:
        of_stage("bde"),
    localrule: True

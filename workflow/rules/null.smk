# What D must beat: additivity, a pair potential, an untrained network, and D in another order.


rule null_fit:
    input:
        store="<results>/data/{dataset}/store.h5",
        splits="<results>/data/{dataset}/splits.parquet",
        subset="<results>/data/{dataset}/subsets/n{n_train}.csv",
        tests=TEST_STORES,
        named=NAMED_BONDS_FILE,
        code=code_of("null fit"),
    output:
        **outputs("null", "fits", "types"),
        errors="<results>/null/fit/{dataset}/n{n_train}.errors.csv",
        bonds="<results>/null/fit/{dataset}/n{n_train}.bonds.csv",
    log:
        "<logs>/null/fit/{dataset}/n{n_train}.log",
    benchmark:
        "<costs>/null/fit/{dataset}/n{n_train}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000, per_gb=50),
        runtime=minutes(60, per_gb=5),
    params:
        energy_weight=SETTINGS["training"]["energy_weight"],
        force_weight=SETTINGS["training"]["force_weight"],
        r_max=SETTINGS["null_models"]["pair_r_max"],
        tests=lambda wildcards, input: option("tests", input.tests),
    message:
        "null models on {wildcards.n_train} frames of {wildcards.dataset}"
    shell:
        "python -m study null fit {input.store} {input.subset} --splits {input.splits} "
        "{params.tests} --named {input.named} --dataset {wildcards.dataset} "
        "--energy-weight {params.energy_weight} --force-weight {params.force_weight} "
        "--r-max {params.r_max} -o {output.fits} --log {log}"


rule null_untrained:
    input:
        settings=settings_of_any_run,
        store="<results>/data/{dataset}/store.h5",
        splits="<results>/data/{dataset}/splits.parquet",
        named=NAMED_BONDS_FILE,
        code=code_of("null untrained"),
    output:
        "<results>/null/untrained/{dataset}/{model}.csv",
    log:
        "<logs>/null/untrained/{dataset}/{model}.log",
    benchmark:
        "<costs>/null/untrained/{dataset}/{model}.tsv"
    conda:
        "../../envs/train-cpu.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(2000),
        runtime=minutes(60),
    params:
        seeds=SETTINGS["null_models"]["untrained_seeds"],
    message:
        "untrained {wildcards.model} on {wildcards.dataset}"
    shell:
        "python -m study null untrained {input.settings} {input.named} --seeds {params.seeds} "
        "-o {output} --log {log}"


rule null_run:
    input:
        means=decomposed(MEANS_FILE),
        settings=f"<results>/train/{RUN}/run.yaml",
        named=f"<results>/bde/{RUN}.named.csv",
        errors=f"<results>/evaluate/{RUN}.csv",
        fit=of_run("null/fit/{dataset}/n{n_train}.csv"),
        fitted=of_run("null/fit/{dataset}/n{n_train}.bonds.csv"),
        errors_of_fit=of_run("null/fit/{dataset}/n{n_train}.errors.csv"),
        untrained=untrained_of_size,
        bde=BDE_REFERENCE,
        bond_energies=BOND_ENERGIES,
        laws=laws_of_given,
        code=code_of("null compare"),
    output:
        **outputs("null", "compare", "named", "correlations"),
    log:
        f"<logs>/null/{RUN}.log",
    benchmark:
        f"<costs>/null/{RUN}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_gb=50, grouped=True),
        runtime=minutes(20, per_gb=1, grouped=True),
    params:
        untrained=lambda wildcards, input: option("untrained", input.untrained),
        shuffles=SETTINGS["null_models"]["shuffles"],
    message:
        f"null models beside {THIS_RUN}"
    shell:
        UNLESS_BROKEN
        + "python -m study null compare $(dirname {input.means}) --named {input.named} "
        "--errors {input.errors} --fit {input.fit} {params.untrained} --bde {input.bde} "
        "--bond-energies {input.bond_energies} --shuffles {params.shuffles} --run {input.settings} "
        "-o {output.compare} --log {log}"

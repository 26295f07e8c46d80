# Fetch a dataset's own file or make it, read it into a store, split it, choose nested subsets.


# On the machine Snakemake runs on: compute nodes often reach no network. Only another address
# fetches a file again. What has arrived of it, .<name>.part, is no declared output and so outlives
# a failed job.
rule data_fetch:
    output:
        "{file}",
    log:
        "<logs>/data/fetch/{file}.log",
    benchmark:
        "<costs>/data/fetch/{file}.tsv"
    wildcard_constraints:
        file=alternatives(FETCHED),
    localrule: True
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=1440,
        dataset=of_file("dataset"),
        bytes=of_file("bytes"),
        md5=of_file("md5"),
        sha256=of_file("sha256"),
    params:
        url=of_file("url"),
    message:
        "fetching {wildcards.file}"
    shell:
        "python -m study data fetch {resources.dataset} --url {params.url:q} "
        "--bytes={resources.bytes} --md5={resources.md5} --sha256={resources.sha256} "
        "-o {output:q} --log {log:q}"


# A dataset with `molecules` is sampled and labelled here. What is finished of it, <file>.journal,
# is no declared output either.
rule data_sample:
    input:
        lambda wildcards: SAMPLED[wildcards.geometries]["molecules"],
    output:
        "{geometries}",
    log:
        "<logs>/data/sample/{geometries}.log",
    benchmark:
        "<costs>/data/sample/{geometries}.tsv"
    wildcard_constraints:
        geometries=alternatives(SAMPLED),
    conda:
        "../../envs/label.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, threads, attempt: grown(500 * threads, attempt),
        runtime=most_minutes(),  # what is done stays: the next attempt resumes
    params:
        conformations=lambda wildcards: SAMPLED[wildcards.geometries].get("conformations", 50),
        seed=lambda wildcards: SAMPLED[wildcards.geometries].get("seed", 0),
        method=lambda wildcards: SAMPLED[wildcards.geometries].get("sampling", "dynamics"),
    message:
        "sampling {wildcards.geometries}"
    shell:
        "python -m study data sample {input:q} --conformations {params.conformations} "
        "--seed {params.seed} --method {params.method} --jobs {threads} -o {output:q} --log {log:q}"


rule data_label:
    input:
        lambda wildcards: geometries_of(LABELLED[wildcards.labels]),
    output:
        "{labels}",
    log:
        "<logs>/data/label/{labels}.log",
    benchmark:
        "<costs>/data/label/{labels}.tsv"
    wildcard_constraints:
        labels=alternatives(LABELLED),
    conda:
        "../../envs/label.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, threads, attempt: grown(2000 * threads, attempt),
        runtime=most_minutes(),
    params:
        theory=lambda wildcards: LABELLED[wildcards.labels]["theory"],
    message:
        "labelling {wildcards.labels}"
    shell:
        "python -m study data label {input:q} --theory {params.theory:q} --jobs {threads} "
        "-o {output:q} --log {log:q}"


rule data_read:
    input:
        file=of_source("path", []),
        isolated_atoms=of_source("isolated_atoms", []),
    output:
        store="<results>/data/{dataset}/store.h5",
        report="<results>/data/{dataset}/store.h5.report.json",
    log:
        "<logs>/data/read/{dataset}.log",
    benchmark:
        "<costs>/data/read/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(SOURCES),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1500),
        runtime=minutes(60, per_gb=10),
        sha256=of_source("sha256", ""),
    params:
        options=options_of_reading,
    message:
        "reading {wildcards.dataset}"
    shell:
        "python -m study data read {input.file:q} {params.options} --sha256={resources.sha256} "
        "-o {output.store} --log {log}"


rule data_mix:
    input:
        parts_of,
    output:
        store="<results>/data/{dataset}/store.h5",
        alignment="<results>/data/{dataset}/store.h5.alignment.csv",
    log:
        "<logs>/data/mix/{dataset}.log",
    benchmark:
        "<costs>/data/mix/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(MIXTURES),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1500, per_gb=50),
        runtime=minutes(60, per_gb=10),
    params:
        options=mix_options,
    message:
        "mixing {wildcards.dataset}"
    shell:
        "python -m study data mix {input} {params.options} -o {output.store} --log {log}"


# The frames of another dataset: split alike, since splits follow from frames and seed alone.
rule data_part:
    input:
        lambda wildcards: f"{RESULTS}/data/{PARTS[wildcards.dataset]}/store.h5",
    output:
        "<results>/data/{dataset}/store.h5",
    log:
        "<logs>/data/part/{dataset}.log",
    benchmark:
        "<costs>/data/part/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(name for name in PARTS if name not in TAUGHT),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=minutes(10, per_gb=1),
    message:
        "taking the frames of {wildcards.dataset}"
    shell:
        "cp {input} {output} 2> {log}"


# The same frames with the labels of a model, whose D its students may recover.
rule data_teach:
    input:
        store=lambda wildcards: f"{RESULTS}/data/{PARTS[wildcards.dataset]}/store.h5",
        teacher=lambda wildcards: TAUGHT[wildcards.dataset],
    output:
        "<results>/data/{dataset}/store.h5",
    log:
        "<logs>/data/teach/{dataset}.log",
    benchmark:
        "<costs>/data/teach/{dataset}.tsv"
    wildcard_constraints:
        dataset=alternatives(TAUGHT),
    conda:
        TRAIN_ENV
    threads: 1
    resources:
        mem_mb=mem_mb(MODEL_MB, per_gb=100, gpus=GPU),
        runtime=minutes(60, per_gb=60, gpus=GPU),
        gpu=GPU,
        gpu_model=gpu_model,
        device=DEVICE,
    message:
        "labelling {wildcards.dataset} by a model"
    shell:
        "python -m study data teach {input.store} {input.teacher:q} --device {resources.device} "
        "-o {output} --log {log}"


rule data_split:
    input:
        "<results>/data/{dataset}/store.h5",
    output:
        "<results>/data/{dataset}/splits.parquet",
    log:
        "<logs>/data/split/{dataset}.log",
    benchmark:
        "<costs>/data/split/{dataset}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_gb=100, grouped=True),
        runtime=minutes(15, per_gb=1, grouped=True),
    params:
        **SETTINGS["split"],
    message:
        "splitting {wildcards.dataset}"
    shell:
        "python -m study data split {input} --seed {params.seed} "
        "--test-molecules {params.test_molecules} "
        "--test-conformations {params.test_conformations} --validation {params.validation} "
        "-o {output} --log {log}"


rule data_subset:
    input:
        store="<results>/data/{dataset}/store.h5",
        splits="<results>/data/{dataset}/splits.parquet",
    output:
        subset="<results>/data/{dataset}/subsets/n{n_train}.csv",
        omitted="<results>/data/{dataset}/subsets/n{n_train}.omitted.csv",
    log:
        "<logs>/data/subset/{dataset}/n{n_train}.log",
    benchmark:
        "<costs>/data/subset/{dataset}/n{n_train}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=mem_mb(1000, per_gb=100, grouped=True),
        runtime=minutes(10, per_gb=1, grouped=True),
    params:
        choice=subset_options,
    message:
        "choosing {wildcards.n_train} training frames of {wildcards.dataset}"
    shell:
        "python -m study data subset {input.store} --splits {input.splits} --n {wildcards.n_train} "
        "{params.choice} -o {output.subset} --log {log}"


rule data:
    input:
        ["<results>/data/{dataset}/splits.parquet".format(**one) for one in TESTED_ON.values()],
        [
            "<results>/data/{dataset}/subsets/n{n_train}.csv".format(**one)
            for one in TESTED_ON.values()
        ],
        TEST_STORES,
    localrule: True

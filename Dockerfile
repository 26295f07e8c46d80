# The image that every rule runs in with `--sdm apptainer` when `runtime.container` names it: the project's packages by
# the versions of requirements.lock, on the Python of envs/. e3d itself is imported from the checkout.
#     docker build -t docker.io/USER/e3d:0.1 . && docker push docker.io/USER/e3d:0.1
# then in a study: runtime: {container: "docker://USER/e3d:0.1"}; on GPUs also `--apptainer-args=--nv`.
FROM python:3.12.12-slim-bookworm

# libraries that rdkit and pyscf-dispersion link and slim images lack; git for the commit in a result's provenance
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libexpat1 libgomp1 libxext6 libxrender1 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/e3d
COPY pyproject.toml requirements.lock ./
COPY workflow/pyproject.toml workflow/
# what the project requires, with the programs that make labels and the GPU kernels, without the project
RUN python -c 'import tomllib; read = lambda path: tomllib.load(open(path, "rb"))["project"]; e3d, study = read("pyproject.toml"), read("workflow/pyproject.toml"); extras = e3d["optional-dependencies"]; print(*e3d["dependencies"], *extras["labels"], *extras["gpu"], *study["dependencies"][1:], sep="\n")' > requirements.txt \
    && pip install --no-cache-dir --constraint requirements.lock --requirement requirements.txt

WORKDIR /

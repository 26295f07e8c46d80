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
# what the project requires, with the programs that make labels and the GPU kernels, without the project
RUN python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; e = p["optional-dependencies"]; print(*p["dependencies"], *e["labels"], *e["gpu"], sep="\n")' > requirements.txt \
    && pip install --no-cache-dir --constraint requirements.lock --requirement requirements.txt

WORKDIR /

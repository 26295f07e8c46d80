# The image that every rule runs in with `--sdm apptainer` when `runtime.container` names it: what
# the project requires, in the versions of requirements.lock, on the Python of envs/. The project
# itself is imported from the checkout.
#     docker build -t docker.io/USER/e3d:0.1 . && docker push docker.io/USER/e3d:0.1
# then in a study: runtime: {container: "docker://USER/e3d:0.1"}; for GPUs `--apptainer-args=--nv`.
FROM python:3.12.12-slim-bookworm

# libraries that rdkit and pyscf-dispersion link and slim images lack; git for the commit in a
# result's provenance
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libexpat1 libgomp1 libxext6 libxrender1 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/e3d
COPY pyproject.toml requirements.lock ./
COPY workflow/pyproject.toml workflow/
# the programs that make labels and the GPU kernels included, the project itself left out
RUN python -c 'import tomllib; \
        paths = ("pyproject.toml", "workflow/pyproject.toml"); \
        e3d, study = (tomllib.load(open(path, "rb"))["project"] for path in paths); \
        labels, gpu = map(e3d["optional-dependencies"].get, ("labels", "gpu")); \
        needed = [*e3d["dependencies"], *labels, *gpu, *study["dependencies"]]; \
        print(*(each for each in needed if each != "e3d"), sep="\n")' > requirements.txt \
    && pip install --no-cache-dir --constraint requirements.lock --requirement requirements.txt

WORKDIR /

#!/usr/bin/env bash
# After Snakemake itself was killed: its jobs go on, and a new Snakemake would submit them a second time.
# Cancel those of this folder, wait until they are gone, release the folder.
# usage, in the folder of the study:  cluster/recover.sh [--configfile config/paper.yaml]
set -euo pipefail

jobs() { squeue --me --noheader --format='%i %Z' | awk -v here="$PWD" 'substr($0, index($0, " ") + 1) == here { print $1 }'; }

# shellcheck disable=SC2046  # one job number per word
[ -z "$(jobs)" ] || scancel $(jobs)
while [ -n "$(jobs)" ]; do sleep 1; done
snakemake --profile cluster "$@" --unlock
echo "Its jobs are cancelled and the folder is free: run the same snakemake command again. Trainings go on from their last checkpoints."

#!/usr/bin/env bash
# After Snakemake itself was killed: its jobs run on, and a new Snakemake would submit them again.
# Cancel every job of yours that was submitted from this folder, wait until they are gone, and
# release the folder.
# usage, in the folder of the study:  cluster/recover.sh [--configfile config/paper.yaml]
set -euo pipefail

die() { echo "recover.sh: $*" >&2; exit 2; }
for command in squeue scancel snakemake; do
    command -v "$command" > /dev/null ||
        die "no $command on PATH. Run it on a login node, in Snakemake's environment."
done

# Slurm knows the folder by its path without links. A job in which this script runs is not one of
# the study's.
here=$(pwd -P)
export here own=${SLURM_JOB_ID:-}
jobs() {
    squeue --me --noheader --format='%i %Z' | awk '
        substr($0, index($0, " ") + 1) == ENVIRON["here"] && $1 != ENVIRON["own"] { print $1 }'
}

# A queue that cannot be read is not an empty one: stop, and leave the folder locked.
running=$(jobs) ||
    die "squeue failed, so nothing is known of the jobs. Run it again when the controller answers."
if [ -n "$running" ]; then
    # shellcheck disable=SC2086  # one job number per word
    scancel $running || echo "recover.sh: scancel failed; waiting for jobs $running to end" >&2
fi
while [ -n "$running" ]; do
    sleep 1
    running=$(jobs) || running=unknown # the controller does not answer
done
snakemake --profile cluster "$@" --unlock
echo "Its jobs are cancelled and the folder is free: run the same snakemake command again."
echo "Trainings resume from their last checkpoints."

#!/usr/bin/env bash
# sbatch that waits while Slurm's controller is down, two hours at most. Any other failure is
# sbatch's own.
set -u

while true; do
    sbatch "$@" && exit 0
    code=$?
    scontrol ping 2> /dev/null | grep -q ' UP\b' && exit $code
    [ "$SECONDS" -gt 7200 ] && exit $code
    sleep "${E3D_SUBMIT_AGAIN:-15}"
done

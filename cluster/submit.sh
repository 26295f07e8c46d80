#!/usr/bin/env bash
# sbatch that waits while Slurm's controller is down, two hours at most. Any other failure is sbatch's own.
set -u

while true; do
    sbatch "$@" && exit 0
    code=$?
    if scontrol ping 2> /dev/null | grep -q ' UP\b' || [ "$SECONDS" -gt 7200 ]; then exit $code; fi
    sleep "${E3D_SUBMIT_AGAIN:-15}"
done

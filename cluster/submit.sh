#!/usr/bin/env bash
# sbatch that waits while Slurm says that its controller is down, two hours at most. Any other
# failure is sbatch's own, also that Slurm's configuration is not found: waiting mends none.
set -u

while true; do
    sbatch "$@" && exit 0
    code=$?
    state=$(scontrol ping 2> /dev/null)
    grep -q ' UP\b' <<< "$state" && exit $code
    grep -q ' DOWN\b' <<< "$state" || exit $code
    [ "$SECONDS" -gt 7200 ] && exit $code
    sleep "${E3D_SUBMIT_AGAIN:-15}"
done

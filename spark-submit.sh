#!/usr/bin/env bash
# Runs a job through the real spark-submit, with the package, the configuration and Delta's jars shipped by itself.
# See ./spark-submit.sh --help; the command is put together in jobs/cli/submission.py.
set -euo pipefail

# This file may be reached by links, such as one in /usr/local/bin.
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do
    target=$(readlink "$script")
    case $target in
        /*) script=$target ;;
        *) script=$(dirname "$script")/$target ;;
    esac
done
root=$(cd -P "$(dirname "$script")" && pwd)
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then
    python=$(command -v python3) && "$python" -c 'import delta, pydantic, pyspark' 2>/dev/null || {
        echo "error: neither .venv nor a python3 with pyspark and delta-spark is here: run 'make venv'" >&2
        exit 1
    }
fi
case ${1:---help} in
    -h | --help | --completion | status) ;;
    *) "$root/conf/check-machine.sh" java >/dev/null ;;
esac
PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} exec "$python" -m jobs.cli.submission "$@"

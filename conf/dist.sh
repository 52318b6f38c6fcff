#!/usr/bin/env bash
# Makes what a cluster needs whose machines have Python, Java and nothing of this project:
#     dist/ralm-*.whl                 the package, with `ralm` as its command
#     dist/ralm-environment.tar.gz    a virtual environment with the package and what its workers import, for --archives
# The environment has no Spark, which the cluster brings; its Python is the cluster's own, of the same version and place
# as here. `conf/dist.sh cuda` packs the libraries for accelerators too.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=$root/build/environment
uv() { "$root/conf/uv.sh" "$@"; }

rm -rf "$environment" "$root"/dist/ralm-* "$root/build/lib"
mkdir -p "$root/dist" "$root/build"
uv build --quiet --wheel --out-dir "$root/dist" "$root"
rm -rf "$root/build/lib" "$root"/build/bdist.* "$root/ralm.egg-info"
"$root/.venv/bin/python" -m venv --without-pip "$environment"

# Spark is on the cluster.
"$root/conf/install-wheel.sh" "$environment" "${1:-cpu}" pyspark py4j

# It is found by its own place (pyvenv.cfg), wherever it is unpacked: no file of it needs to be rewritten.
tar --create --directory "$environment" . | gzip -1 >"$root/dist/ralm-environment.tar.gz"
du -sh "$environment" | cut -f1 | sed 's/$/ in the environment/'
ls -sh "$root/dist"

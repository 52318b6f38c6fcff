#!/usr/bin/env bash
# Makes what a cluster needs whose machines have Python, Java and nothing of this project:
#     dist/ralm-*.whl                 the package, with `ralm` as its command
#     dist/ralm-environment.tar.gz    a virtual environment with the package and what its workers import, for --archives
# The environment has no Spark, which the cluster brings; its Python is the cluster's own, of the same version and place
# as here. `conf/dist.sh cuda` packs the libraries for accelerators too.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=$root/build/environment
lock=$root/requirements.lock
uv() { "$root/conf/uv.sh" "$@"; }

rm -rf "$environment" "$root"/dist/ralm-* "$root/build/lib"
mkdir -p "$root/dist" "$root/build"
uv build --quiet --wheel --out-dir "$root/dist" "$root"
rm -rf "$root/build/lib" "$root"/build/bdist.* "$root/ralm.egg-info"
"$root/.venv/bin/python" -m venv --without-pip "$environment"

# The versions of requirements.lock, of what the wheel asks for and no more. Spark is on the cluster; petastorm asks for
# a setuptools that the other packages refuse (decision 0001).
constraints=$(mktemp) overrides=$(mktemp)
trap 'rm -f "$constraints" "$overrides"' EXIT
grep -vE '^ *#' "$lock" >"$constraints"
printf '%s\n' "pyspark; python_version < '3'" "py4j; python_version < '3'" "setuptools>=77.0.3" >"$overrides"
install() {
    uv pip install --quiet --compile-bytecode --python "$environment/bin/python" \
        --constraints "$constraints" --overrides "$overrides" "$@"
}

accelerators='^(nvidia-|cuda-|triton)'
wheel=$(echo "$root"/dist/ralm-*.whl)
if [ "${1:-cpu}" = cpu ]; then
    # As conf/install.sh: torch's own index has a build without the libraries for accelerators.
    torch=$(grep '^torch==' "$constraints")
    if UV_HTTP_RETRIES=0 install --torch-backend cpu --no-deps "$torch" 2>/dev/null; then
        sed -E -n "s/($accelerators[a-z0-9-]*).*/\1; python_version < '3'/p" "$constraints" >>"$overrides"
    else
        echo "torch's CPU build cannot be had here: packing the one with NVIDIA's libraries"
        printf '%s\n' "triton; python_version < '3'" >>"$overrides"
    fi
fi
install "$wheel"

# It is found by its own place (pyvenv.cfg), wherever it is unpacked: no file of it needs to be rewritten.
tar --create --directory "$environment" . | gzip -1 >"$root/dist/ralm-environment.tar.gz"
du -sh "$environment" | cut -f1 | sed 's/$/ in the environment/'
ls -sh "$root/dist"

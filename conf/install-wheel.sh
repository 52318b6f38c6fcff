#!/usr/bin/env bash
# Installs the wheel of dist/ and what it asks for, in the versions of requirements.lock and no more, into a virtual
# environment:   conf/install-wheel.sh ENVIRONMENT cpu|cuda [PACKAGE...]    without the packages, which are there already
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
environment=$1 kind=$2
shift 2
wheel=$(echo "$root"/dist/ralm-*.whl)

# petastorm asks for a setuptools that the other packages refuse (decision 0001).
constraints=$(mktemp) overrides=$(mktemp)
trap 'rm -f "$constraints" "$overrides"' EXIT
grep -vE '^ *#' "$root/requirements.lock" >"$constraints"
echo "setuptools>=77.0.3" >"$overrides"
never() { sed "s/$/; python_version < '3'/" >>"$overrides"; }
for package in "$@"; do echo "$package" | never; done
install() {
    "$root/conf/uv.sh" pip install --quiet --compile-bytecode --python "$environment/bin/python" \
        --constraints "$constraints" --overrides "$overrides" "$@"
}

if [ "$kind" = cpu ]; then
    # As conf/install.sh: torch's own index has a build without the libraries for accelerators.
    torch=$(grep '^torch==' "$constraints")
    if UV_HTTP_RETRIES=0 install --torch-backend cpu --no-deps "$torch" 2>/dev/null; then
        sed -E -n 's/^((nvidia-|cuda-|triton)[a-z0-9-]*).*/\1/p' "$constraints" | never
    else
        echo "torch's CPU build cannot be had here: taking the one with NVIDIA's libraries"
        echo triton | never
    fi
fi
install "$wheel"

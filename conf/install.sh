#!/usr/bin/env bash
# Installs requirements.lock into .venv: `conf/install.sh cpu` without the libraries for accelerators where that is
# possible, `conf/install.sh cuda` with them. The versions are the same.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
lock=$root/requirements.lock
# torch's wheel on the package index is linked against NVIDIA's libraries and does not start without them; only the
# compiler of its GPU kernels can be left out. torch's own index has a build without any of them.
accelerators='^(nvidia-|cuda-|triton)'

# The lock names all packages to install, even if one of them asks for other versions (decision 0001).
# Compiled once here: where PYTHONDONTWRITEBYTECODE is set, each training process would compile torch again.
install() {
    "$root/conf/uv.sh" pip install --quiet --no-deps --compile-bytecode --python "$root/.venv/bin/python" "$@"
}

all() { grep -vE '^ *#' "$lock"; }

cpu_build() {
    UV_HTTP_RETRIES=0 install --torch-backend cpu "$(all | grep '^torch==')" 2>/dev/null &&
        install -r <(all | grep -vE "$accelerators|^torch==") && "$root/.venv/bin/python" -c 'import torch'
}

case ${1:-} in
    cuda)
        echo "Installing requirements.lock with the libraries for accelerators (7 GB, a few minutes the first time)"
        install -r "$lock"
        ;;
    cpu)
        echo "Installing requirements.lock (a few minutes the first time)"
        if ! cpu_build; then
            echo "torch's CPU build cannot be had here: taking the one with NVIDIA's libraries (6 GB)"
            install -r <(all | grep -vE '^triton')
        fi
        ;;
    *)
        echo "usage: conf/install.sh cpu|cuda" >&2
        exit 2
        ;;
esac

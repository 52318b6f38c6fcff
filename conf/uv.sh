#!/usr/bin/env bash
# Runs the uv of a virtual environment (.venv, or the one that VENV names) with the machine's pip settings (index, extra
# index, wheels folder, certificates): uv itself reads neither pip.conf nor PIP_*. Settings made for uv directly win.
set -euo pipefail

python=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/${VENV:-.venv}/bin/python

setting() { # the value pip uses for NAME: environment before files
    local place
    for place in :env: install global; do
        "$python" -m pip config get "$place.$1" 2>/dev/null && return
    done
    return 0
}

existing() { # addresses, and folders that exist: pip passes over a missing one, uv stops at it
    local place kept=""
    for place in $1; do
        case $place in
            *://*) kept=${kept:+$kept,}$place ;;
            *) if [ -d "$place" ]; then kept=${kept:+$kept,}$place; fi ;;
        esac
    done
    printf '%s' "$kept"
}

use() { # export $1=$2 unless it is set already or would be empty
    if [ -n "$2" ] && [ -z "${!1:-}" ]; then export "$1=$2"; fi
}

use UV_DEFAULT_INDEX "$(setting index-url)"
use UV_INDEX "$(setting extra-index-url)"
use UV_FIND_LINKS "$(existing "$(setting find-links)")"
use SSL_CERT_FILE "$(setting cert)"
exec "$(dirname "$python")/uv" "$@"

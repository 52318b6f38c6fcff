#!/usr/bin/env bash
# What the image of the Dockerfile holds beside Python and Java, made in a folder: conf/image.sh FOLDER [cpu|cuda]
#     FOLDER/bin/ralm     the command, in a virtual environment with the wheel and the versions of requirements.lock
#     FOLDER/jars         Delta's jars, so that a run fetches none
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$1

# uv, of the version that the Makefile names; a checkout has it in .venv already.
python=$root/.venv/bin/python
if ! [ -x "$root/.venv/bin/uv" ]; then
    "$("$root/conf/check-machine.sh" python)" -m venv "$root/.venv"
    "$python" -m pip install --quiet "uv==$(sed -n 's/^UV_VERSION := //p' "$root/Makefile")"
fi

rm -rf "$root"/dist/ralm-*.whl "$root/build/lib"
mkdir -p "$root/dist"
"$root/conf/uv.sh" build --quiet --wheel --out-dir "$root/dist" "$root"
rm -rf "$root/build/lib" "$root"/build/bdist.* "$root/ralm.egg-info"
"$python" -m venv --without-pip "$folder"
"$root/conf/install-wheel.sh" "$folder" "${2:-cpu}"

# Spark's Ivy fetches them into the cache of this user; the record of the environment names the copies.
"$folder/bin/python" -c 'from jobs.cli.installation import fetch_jars; fetch_jars()' >/dev/null
mkdir -p "$folder/jars"
record=$folder/delta-jars
tr , '\n' <"$record" | xargs -I{} cp {} "$folder/jars"
find "$folder/jars" -name '*.jar' | sort | paste -sd, >"$record.new"
mv "$record.new" "$record"
du -sh "$folder" | cut -f1 | sed 's/$/ in the environment/'

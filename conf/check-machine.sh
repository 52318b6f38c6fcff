#!/usr/bin/env bash
# Is this machine fit to run the project? `conf/check-machine.sh java|python` prints the path of what it found;
# otherwise one line on stderr says what to install, and the exit code is 1.
set -u

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

fail() {
    echo "$*" >&2
    exit 1
}

java_advice="install Java 17 (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17)"

check_java() {
    local java version major
    if [ -n "${JAVA_HOME:-}" ]; then
        java=$JAVA_HOME/bin/java
        [ -x "$java" ] || fail "JAVA_HOME is $JAVA_HOME, but there is no bin/java in it: $java_advice, or correct JAVA_HOME"
    else
        java=$(command -v java) || fail "Java is missing, and Spark 4.2 needs it: $java_advice"
    fi
    # The macOS stub for a missing Java is a program that fails; 'version "1.8.0_392"' is Java 8.
    version=$("$java" -version 2>&1) || fail "$java does not run: $java_advice"
    major=$(printf '%s\n' "$version" | sed -n 's/.*version "\(1\.\)\{0,1\}\([0-9][0-9]*\).*/\2/p' | head -n 1)
    case $major in
        17 | 21) printf '%s\n' "$java" ;;
        *) fail "$java is Java ${major:-of unknown version}, and Spark 4.2 needs 17 or 21: $java_advice, or set JAVA_HOME" ;;
    esac
}

fits() { # a Python version for which the pinned dependencies have wheels
    "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))${2:+; $2}" >/dev/null 2>&1
}

check_python() {
    local candidate found="" advice
    advice="install Python 3.11 (Debian, Ubuntu: apt-get install python3.11 python3.11-venv; macOS: brew install python@3.11)"
    if fits "$root/.venv/bin/python" "import pip"; then
        printf '%s\n' "$root/.venv/bin/python"
        return
    fi
    for candidate in ${PYTHON:-python3.11 python3.12 python3 python}; do
        if fits "$candidate"; then
            # Debian ships Python without the part that makes virtual environments.
            "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
                fail "$candidate cannot make virtual environments: install its venv module (Debian, Ubuntu: apt-get install python3-venv)"
            command -v "$candidate"
            return
        fi
        found=${found:-$("$candidate" --version 2>/dev/null)}
    done
    fail "${found:-No Python} was found, and Python 3.11 or 3.12 is needed: $advice, or set PYTHON"
}

case ${1:-} in
    java) check_java ;;
    python) check_python ;;
    *) fail "usage: conf/check-machine.sh java|python" ;;
esac

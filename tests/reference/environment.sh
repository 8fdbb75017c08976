#!/bin/sh
# environment.sh FOLDER REQUIREMENTS [PACKAGE...]: a virtual environment with what a file requires, and packages without
# what they ask for.
set -eu
if [ ! -e "$1/.ready" ] || [ "$2" -nt "$1/.ready" ]; then
    "${PYTHON:-python3}" -m venv --clear "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2"
    ready=$1
    shift 2
    [ $# -eq 0 ] || "$ready/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$@"
    touch "$ready/.ready"
fi

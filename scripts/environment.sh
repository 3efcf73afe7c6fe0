#!/usr/bin/env bash
# Makes .venv in the repository's root and installs cnnxfer there, editable:
#   bash scripts/environment.sh        what using it takes
#   bash scripts/environment.sh dev    what developing it takes, too
# Versions and hashes of all other packages stand in requirements/. Does nothing if that
# was done before and these files and pyproject.toml are still the same.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-use}

find_python() {
    # Debian splits ensurepip off; without it no environment can be made.
    local check='import ensurepip, sys, venv
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c "$check" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    echo "No Python 3.11, 3.12 or 3.13 with its venv module was found," \
        "and TensorFlow needs one of them. Install it from your system's" \
        "packages (Debian, Ubuntu: python3-venv) or from python.org." >&2
    return 1
}

# What an installation depends on: the path counts, as it is editable.
state=$(pwd && cat pyproject.toml requirements/*.txt | cksum)
stamp=.venv/installed-$name

if ! .venv/bin/python -c '' 2>/dev/null; then
    python=$(find_python)
    echo "Making .venv with $("$python" --version)" >&2
    "$python" -m venv --clear .venv
fi
if [[ ! -f $stamp || $(<"$stamp") != "$state" ]]; then
    echo "Installing cnnxfer and requirements/$name.txt into .venv;" \
        "TensorFlow takes a while" >&2
    bash scripts/install_locked.sh .venv/bin/python "$name"
    .venv/bin/python -m pip install -qq --disable-pip-version-check \
        --no-deps --no-build-isolation --editable .
    echo "$state" >"$stamp"
    # What developing takes includes what using takes.
    echo "$state" >.venv/installed-use
fi

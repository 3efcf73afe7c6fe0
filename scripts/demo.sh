#!/usr/bin/env bash
# The main job on the built-in data and weights, with no network but for the install:
#   bash scripts/demo.sh
# Its runs live in runs/demo. Once they are there, it only evaluates and predicts.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/environment.sh
export PATH="$PWD/.venv/bin:$PATH" CNNXFER_RUNS=runs/demo

say() {
    if [[ -t 1 ]]; then
        printf '\n\033[1m%s\033[0m\n' "$*"
    else
        printf '\n%s\n' "$*"
    fi
}

# Runs a command that prints the path of its run, and keeps the path once it is done.
once() {
    local kept=runs/demo/$1
    shift
    say "\$ $*"
    if [[ -f $kept && -d $(<"$kept") ]]; then
        echo "done before: $(<"$kept") (remove runs/demo to start again)"
        return
    fi
    mkdir -p runs/demo
    "$@" >"$kept.new"
    mv "$kept.new" "$kept"
}

once .frozen cnnxfer train sample
once .fine_tuned cnnxfer unfreeze "$(<runs/demo/.frozen)" --lr 0.01
tuned=$(<runs/demo/.fine_tuned)

say "\$ cnnxfer evaluate"
cnnxfer evaluate "$tuned"

# One picture of each class that no phase has seen.
pictures=()
while IFS= read -r picture; do
    pictures+=("$picture")
done < <(python - "$tuned" <<'PYTHON'
import sys
from pathlib import Path

from cnnxfer.data.sources import list_dataset
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run

paths = {image.id: image.path for image in list_dataset("sample", Reporter()).examples}
test = [row for row in Run(Path(sys.argv[1])).split if row.split == "test"]
print(*{row.label: paths[row.id] for row in test}.values(), sep="\n")
PYTHON
)
say "\$ cnnxfer predict PICTURES --top 3"
cnnxfer predict "${pictures[@]}" --top 3 --model "$tuned"

say "\$ cnnxfer runs"
cnnxfer runs

say "Next"
cat <<'TEXT'
  source .venv/bin/activate
  cnnxfer train FOLDER               a folder with one folder of photographs a class
  cnnxfer unfreeze --lr 0.01         fine-tune what was trained last
  cnnxfer predict IMAGES --top 5     with what was trained last
  cnnxfer predict IMAGES --model efficientnet-lite0     the 1,000 ImageNet classes
  cnnxfer backbones                  the other networks
TEXT

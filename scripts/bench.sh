#!/bin/sh
# Runs every benchmark and keeps its JSON lines by machine.
#
#   sh scripts/bench.sh .venv/bin/python
set -eu

machine=$(uname -s -m | tr ' ' '-')-$(getconf _NPROCESSORS_ONLN)-cores
results=benchmarks/results/$machine.jsonl
mkdir -p benchmarks/results
for script in benchmarks/*.py; do
    grep -q '__main__' "$script" || continue # a part that they share
    echo "$script" >&2
    "$1" "$script" | tee -a "$results"
done

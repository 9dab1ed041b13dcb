#!/bin/sh
# Makes a virtual environment and installs pinned packages and this project into it.
#
#   sh scripts/environment.sh VENV REQUIREMENTS
#
# PYTHON names the Python to use; NEEDED_GB is the room that the packages take on the disk.
set -eu

venv=$1
requirements=$2
needed_gb=${NEEDED_GB:-8}

refuse() {
    printf '%s\n  got:      %s\n  expected: %s\n  hint:     %s\n' "$1" "$2" "$3" "$4" >&2
    exit 1
}

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
        fits "$python" && return
    else
        for python in python3.11 python3.12 python3.13 python3 python; do
            fits "$python" && return
        done
        python=python3
    fi
    found=$("$python" --version 2>/dev/null) || found="no $python"
    refuse "Kinetoscope needs a newer Python" \
        "$found" \
        "Python 3.11 or newer" \
        "install it, or say where it is: make demo PYTHON=/path/to/python3.11"
}

check_room() {
    free_kb=$(df -Pk . | awk 'NR == 2 { print $4 }')
    taken_kb=$(du -sk "$venv" 2>/dev/null | cut -f1)
    if [ $((free_kb + ${taken_kb:-0})) -lt $((needed_gb * 1024 * 1024)) ]; then
        refuse "the disk is too full for the packages" \
            "$((free_kb / 1024 / 1024)) GB free in $(pwd)" \
            "$needed_gb GB" \
            "free some room, or clone the project on another disk"
    fi
}

make_venv() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 && fits "$venv/bin/python" && return
    find_python
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        refuse "Python's module venv is missing" \
            "$("$python" --version) without venv or ensurepip" \
            "a Python that can make virtual environments" \
            "on Debian and Ubuntu: apt-get install python3-venv"
    "$python" -m venv --clear "$venv"
}

install() {
    log=$venv/pip.log
    rm -f "$log"
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --log "$log" "$@" &&
        return
    grep -q 'No space left on device' "$log" &&
        refuse "the disk is full" \
            "no space left while installing" \
            "$needed_gb GB for the packages, and 4 GB more while they are downloaded" \
            "TMPDIR=/another/disk make demo downloads elsewhere; pip cache purge frees room"
    refuse "the packages could not be installed" \
        "what pip says above" \
        "every line of $requirements" \
        "run the same command again to go on; all that pip did is in $log"
}

mkdir -p "$(dirname "$venv")"
check_room
make_venv
install --requirement "$requirements"
install --no-deps --no-build-isolation --editable .

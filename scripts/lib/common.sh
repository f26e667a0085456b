# What the scripts share; they source it. POSIX sh, so that macOS's own tools are enough.

script=${0##*/}
repo=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
venv=$repo/.venv
unset PYTHONHOME PYTHONPATH # another project's settings; they would be read by ours

fail() {
    printf '%s: %s\n' "$script" "$*" >&2
    exit 1
}

# unknown_argument ARGUMENT
unknown_argument() {
    printf "%s: unknown argument '%s'; './scripts/%s --help' lists what it takes\n" \
        "$script" "$1" "$script" >&2
    exit 2
}

# The first Python that fits, in $python: PYTHON alone where it is set, else the usual names.
find_python() {
    too_old='' incomplete=''
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3.13 python3.12 python3.11 python3 python3.14 python
    fi
    for python in "$@"; do
        if [ -z "${PYTHON:-}" ]; then command -v "$python" >/dev/null 2>&1 || continue; fi
        # A command that exists may still be a stub that runs nothing, so each is tried.
        found=$("$python" -c '
import sys
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    print("old " + version)
else:
    try:
        import ensurepip, ssl, venv
        print("fits")
    except ImportError:
        print("incomplete " + version)
' 2>/dev/null) || continue
        case $found in
        fits) return ;;
        old*) too_old=${too_old:-"$python is ${found#old }"} ;;
        incomplete*) incomplete=${incomplete:-"$python ${found#incomplete }"} ;;
        esac
    done
    if [ -n "$incomplete" ]; then
        minor=${incomplete##* }
        fail "${incomplete% *} cannot make virtual environments (venv, ensurepip or ssl is missing):" \
            "install python$minor-venv (apt-get install python$minor-venv)," \
            "or name another Python: PYTHON=/path/to/python3 ./scripts/$script"
    fi
    [ -z "${PYTHON:-}" ] || too_old=${too_old:-"PYTHON=$PYTHON is none"}
    fail "no Python 3.11 or newer${too_old:+ ($too_old)}:" \
        "install one (apt-get install python3 python3-venv, or brew install python@3.13)," \
        "or name it: PYTHON=/path/to/python3 ./scripts/$script"
}

# bare PYTHON MODULE ARGUMENTS: one of our standard-library-only modules, without site-packages.
bare() (
    bare_python=$1 module=$2
    shift 2
    PYTHONPATH=$repo/src
    export PYTHONPATH
    exec "$bare_python" -S -m "$module" "$@"
)

# The environment as the lock says. Ready from an earlier run, it costs one short start of Python.
set_up() {
    if [ -z "${PYTHON:-}" ] && [ -x "$venv/bin/python" ] &&
        bare "$venv/bin/python" sitebuild.set_up --check 2>/dev/null; then
        return
    fi
    find_python
    bare "$python" sitebuild.set_up || exit
}

# fetch_model ARGUMENTS: the real model, where it is not there yet.
fetch_model() {
    bare "$venv/bin/python" sitebuild.fetch_model "$@" || exit
}

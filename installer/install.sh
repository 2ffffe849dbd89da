#!/bin/sh
# Installs edge-digits from the wheel beside this file. What it can do: sh install.sh --help
set -eu

usage() {
    cat <<'END'
Usage: sh install.sh [--camera]                      install, or renew what is installed
       sh install.sh --uninstall [--keep-data]       remove it all

  --camera       for a Raspberry Pi's own camera: the environment sees the system's picamera2 and takes its NumPy;
                 whoever has it keeps it when this is renewed (to be rid of it: --uninstall --keep-data, and anew)
  --uninstall    removes the environment, the command and the service with its configuration and readings
  --keep-data    but for configuration and readings

It goes to /opt/edge-digits and /usr/local/bin for root, to ~/.local/share/edge-digits and ~/.local/bin for others;
PREFIX and BIN name other folders, PYTHON another interpreter than python3.
END
}

say() { echo "edge-digits: $*"; }
stop() {
    echo "error: $*" >&2
    exit 1
}

# The folders that are missing on the way to $1, from the inside out.
missing() {
    path=$1
    while [ ! -d "$path" ]; do
        echo "$path"
        path=$(dirname "$path")
    done
}

check() {
    command -v "$python" >/dev/null || stop "there is no $python: apt-get install python3 python3-venv"
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
        stop "edge-digits runs on Python 3.11 to 3.13, not $("$python" -V)"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || stop "Debian has it in a package of its own: apt-get install python3-venv"
    set -- "$here"/edge_digits-*.whl
    if [ ! -e "$1" ] || [ $# -ne 1 ]; then stop "one edge_digits-....whl must be beside $0"; fi
    wheel=$1
    if [ -e "$prefix" ] && [ ! -e "$marker" ] && [ -n "$(ls -A "$prefix")" ]; then
        stop "$prefix holds something else: set PREFIX to another folder"
    fi
    if [ -e "$here/TARGET" ]; then
        found=$("$python" -c 'import platform as p; print(p.machine(), "Python", ".".join(p.python_version_tuple()[:2]))')
        [ "$found" = "$(cat "$here/TARGET")" ] || stop "this file is for $(cat "$here/TARGET"), and here is $found"
        (cd "$here" && sha256sum --quiet --strict --check SHA256SUMS) || stop "a file is damaged: fetch it again"
    fi
    if [ -n "$camera" ]; then
        "$python" -c 'import importlib.util as u; import sys; sys.exit(u.find_spec("picamera2") is None)' ||
            stop "the camera's library comes from the system: apt-get install python3-picamera2"
    fi
}

# NumPy as the system's picamera2 was built for; what else takes it is for pip to find.
constrain() {
    "$python" -c 'import numpy; print(f"numpy=={numpy.__version__}")'
}

# Whether the system's service runs what is in the prefix. Its path is as systemd wants it: % twice, perhaps in quotes.
ours() {
    if [ ! -e "$unit" ]; then return 1; fi
    program=$(sed -n 's/%%/%/g; s/^ExecStart="\{0,1\}//p' "$unit")
    [ "$(readlink -f "${program%%/venv/bin/*}")" = "$(readlink -f "$prefix")" ]
}

# Puts the environment that was there back, unless all went well.
restore() {
    if [ -n "$well" ]; then return; fi
    rm -rf "$prefix/venv"
    if [ -d "$prefix/venv.old" ]; then
        mv "$prefix/venv.old" "$prefix/venv"
        echo "error: not installed; the version that was there still is" >&2
    elif [ ! -e "$prefix/install.sh" ]; then
        uninstall_files
        echo "error: not installed" >&2
    fi
}

install_all() {
    if grep -qs '^include-system-site-packages = true' "$prefix"/venv*/pyvenv.cfg; then camera=yes; fi # as it was made
    check
    made=$(
        missing "$prefix"
        missing "$bin"
    )
    mkdir -p "$prefix" "$bin"
    if [ ! -e "$marker" ]; then echo "$made" >"$marker"; fi
    echo "$bin" >"$prefix/.bin"
    well=''
    trap restore EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    if [ ! -d "$prefix/venv.old" ]; then
        if [ -d "$prefix/venv" ]; then mv "$prefix/venv" "$prefix/venv.old"; fi
    else
        rm -rf "$prefix/venv" # an installation was cut off: the older is the one that works
    fi
    say "making an environment in $prefix"
    "$python" -m venv ${camera:+--system-site-packages} "$prefix/venv"
    set -- install --quiet --no-compile --no-cache-dir
    if [ -n "$camera" ]; then
        constrain >"$prefix/venv/constraints.txt"
        set -- "$@" --constraint "$prefix/venv/constraints.txt"
    fi
    if [ -d "$here/wheels" ]; then
        say "installing, without a network"
        set -- "$@" --no-index --find-links "$here/wheels"
    else
        say "installing; this fetches some 80 MB"
    fi
    # -s: what a user has put into a folder of his own is none of this environment.
    "$prefix/venv/bin/python" -s -m pip --disable-pip-version-check "$@" "${wheel}[mqtt]"
    say "testing it on this device"
    "$prefix/venv/bin/edge-digits" doctor --self-test || stop "it does not work here: see above"
    ln -sf "$prefix/venv/bin/edge-digits" "$bin/edge-digits"
    if [ "$0" != "$prefix/install.sh" ]; then cp "$here/install.sh" "$prefix/install.sh"; fi
    well=yes
    rm -rf "$prefix/venv.old"
    renew="$prefix/venv/bin/edge-digits service install --renew" # starts it anew if it runs
    if ours && [ "$(id -u)" = 0 ]; then $renew --root "$root/"; fi
    source=0 sudo=''
    if [ "$(id -u)" = 0 ]; then sudo='sudo '; fi
    if [ -n "$camera" ]; then source=picamera2; fi
    cat <<END

edge-digits is installed. What to do next:
  edge-digits classify PICTURE          read a digit
  edge-digits watch $source          read what a camera sees
  sudo $prefix/venv/bin/edge-digits service install      do so from now on, and after each start
  ${sudo}sh $prefix/install.sh --uninstall     remove it all
END
    if ours && [ "$(id -u)" != 0 ]; then echo "The service still runs what was there before: sudo $renew"; fi
    case :$PATH: in *":$bin:"*) ;; *) echo "$bin is not in PATH: call $bin/edge-digits" ;; esac
}

uninstall_files() {
    made=$(cat "$marker")
    rm -rf "$prefix"
    if [ -L "$bin/edge-digits" ] && [ ! -e "$bin/edge-digits" ]; then rm "$bin/edge-digits"; fi
    echo "$made" | while read -r folder; do
        if [ -d "$folder" ]; then rmdir "$folder" 2>/dev/null || true; fi
    done
}

# As `edge-digits service uninstall`, without the environment: a newer system's Python may have broken it.
uninstall_service() {
    running=$root/run/systemd/system
    if [ -d "$running" ]; then systemctl disable --now edge-digits.service || say "systemctl could not stop the service"; fi
    rm -f "$unit" "$(dirname "$unit")/multi-user.target.wants/edge-digits.service"
    if [ -z "$keep" ]; then
        rm -rf "$root/etc/edge-digits" "$root/var/lib/edge-digits" "$root/var/lib/private/edge-digits"
    fi
    if [ -d "$running" ]; then systemctl daemon-reload; fi
    say "removed: the service"
}

uninstall() {
    [ -e "$marker" ] || stop "there is no edge-digits in $prefix"
    if ours; then
        [ "$(id -u)" = 0 ] || stop "the service is the system's: run this with sudo and PREFIX=$prefix BIN=$bin"
        uninstall_service
    fi
    uninstall_files
    say "removed: $prefix, $bin/edge-digits"
}

main() {
    here=$(cd "$(dirname "$0")" && pwd)
    if [ "$(id -u)" = 0 ]; then
        prefix=${PREFIX:-/opt/edge-digits} bin=${BIN:-/usr/local/bin}
    else
        prefix=${PREFIX:-$HOME/.local/share/edge-digits} bin=${BIN:-$HOME/.local/bin}
    fi
    if [ -e "$here/.edge-digits" ]; then # the copy that lies in what it installed
        prefix=$here
        if [ -e "$here/.bin" ]; then bin=${BIN:-$(cat "$here/.bin")}; fi
    fi
    # EDGE_DIGITS_ROOT: what the tests have in the place of the system's own.
    python=${PYTHON:-python3} root=${EDGE_DIGITS_ROOT:-} unit=${EDGE_DIGITS_ROOT:-}/etc/systemd/system/edge-digits.service
    marker=$prefix/.edge-digits # nothing is removed that this file did not make
    camera='' keep='' action=install
    for option in "$@"; do
        case $option in
            --camera) camera=yes ;;
            --uninstall) action=uninstall ;;
            --keep-data) keep=yes ;;
            --help)
                usage
                exit 0
                ;;
            *) stop "there is no option $option: --camera, --uninstall, --keep-data or --help" ;;
        esac
    done
    case $prefix$bin in *' '*) stop "PREFIX and BIN may not have a space: $prefix, $bin" ;; esac
    case $prefix:$bin in /*:/*) ;; *) stop "PREFIX and BIN begin with /: $prefix, $bin" ;; esac
    case $action in
        install) install_all ;;
        uninstall) uninstall ;;
    esac
}

# All of it is read before it begins: it may remove itself.
main "$@"

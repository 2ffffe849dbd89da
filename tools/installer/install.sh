#!/bin/sh
# Installs edge-digits from the wheel beside this file. What it can do: sh install.sh --help
set -eu

usage() {
    say_all 'Usage: sh install.sh [--camera]                      install, or renew what is installed
       sh install.sh --uninstall [--keep-data]       remove it all

  --camera       for the camera of a Raspberry Pi: the environment sees the picamera2 of the system and takes its NumPy;
                 an installation that has it keeps it when it is renewed (without: --uninstall --keep-data first)
  --uninstall    removes the environment, the command and the service with its configuration and readings
  --keep-data    but for configuration and readings

It goes to /opt/edge-digits and /usr/local/bin for root, to ~/.local/share/edge-digits and ~/.local/bin for others;
PREFIX and BIN name other folders, PYTHON another interpreter than python3.'
}

# Little is asked of the system here: the shell itself does what cat, dirname, grep, ls, readlink and sed would.
say_all() { printf '%s\n' "$*"; }
say() { say_all "edge-digits: $*"; }
warn() { say_all "error: $*" >&2; }
stop() {
    warn "$*"
    exit 1
}
has() { command -v "$1" >/dev/null; }

is_root() {
    if has id; then
        [ "$(id -u)" = 0 ]
        return
    fi
    while read -r key _ effective _; do
        if [ "$key" = Uid: ]; then
            [ "$effective" = 0 ]
            return
        fi
    done </proc/self/status
    return 1
}

# The first line of a file.
line_of() {
    IFS= read -r line <"$1" || [ -n "$line" ]
    say_all "$line"
}

is_empty() {
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if [ -e "$entry" ] || [ -L "$entry" ]; then return 1; fi
    done
}

# A folder's path without symbolic links, or the path itself where there is no such folder.
real_path() { (cd -P "$1" 2>/dev/null && pwd) || say_all "$1"; }

# The folders that are missing on the way to $1, from the inside out.
missing() {
    path=$1
    while [ -n "$path" ] && [ ! -d "$path" ]; do
        say_all "$path"
        path=${path%/*}
    done
}

# rm -rf, with Python where the system has no rm.
remove() {
    if has rm; then
        rm -rf "$@"
    elif has "$python"; then
        "$python" -c '
import pathlib, shutil, sys
for path in map(pathlib.Path, sys.argv[1:]):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)' "$@"
    else
        return 1
    fi
}

check() {
    for tool in cp ln mkdir mv rm; do
        has "$tool" || stop "$tool is missing: apt-get install coreutils"
    done
    has "$python" || stop "there is no $python: apt-get install python3 python3-venv"
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
        stop "edge-digits runs on Python 3.11 to 3.13, not $("$python" -V)"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || stop "Debian has it in a package of its own: apt-get install python3-venv"
    set -- "$here"/edge_digits-*.whl
    if [ ! -e "$1" ] || [ $# -ne 1 ]; then stop "one edge_digits-....whl must be beside $0"; fi
    wheel=$1
    if [ -e "$prefix" ] && [ ! -e "$marker" ] && ! is_empty "$prefix"; then
        stop "$prefix holds something else: set PREFIX to another folder"
    fi
    if [ -e "$here/TARGET" ]; then
        found=$("$python" -c 'import platform as p; print(p.machine(), "Python", ".".join(p.python_version_tuple()[:2]))')
        [ "$found" = "$(line_of "$here/TARGET")" ] ||
            stop "this file is for $(line_of "$here/TARGET"), and here is $found"
        has sha256sum || stop "sha256sum is missing: apt-get install coreutils"
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
    program='' plain=''
    while IFS= read -r line; do
        case $line in ExecStart=*) program=${line#ExecStart=} ;; esac
    done <"$unit"
    program=${program#\"}
    program=${program%%/venv/bin/*}
    while :; do
        case $program in
            *%%*) plain=$plain${program%%%%*}% program=${program#*%%} ;;
            *) break ;;
        esac
    done
    program=$plain$program
    [ -n "$program" ] && [ "$(real_path "$program")" = "$(real_path "$prefix")" ]
}

# Whether an environment here was made with --camera.
has_camera() {
    for config in "$prefix"/venv*/pyvenv.cfg; do
        if [ ! -e "$config" ]; then continue; fi
        while IFS= read -r line; do
            if [ "$line" = 'include-system-site-packages = true' ]; then return 0; fi
        done <"$config"
    done
    return 1
}

# Puts the environment that was there back, unless all went well.
restore() {
    if [ -n "$well" ]; then return; fi
    rm -rf "$prefix/venv"
    if [ -d "$prefix/venv.old" ]; then
        mv "$prefix/venv.old" "$prefix/venv"
        warn "not installed; the version that was there still is"
    elif [ ! -e "$prefix/install.sh" ]; then
        uninstall_files || true
        warn "not installed"
    fi
}

install_all() {
    if has_camera; then camera=yes; fi # as it was made
    check
    made=$(
        missing "$prefix"
        missing "$bin"
    )
    mkdir -p "$prefix" "$bin"
    if [ ! -e "$marker" ]; then say_all "$made" >"$marker"; fi
    say_all "$bin" >"$prefix/.bin"
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
    # -s: without what a user has installed for himself alone.
    "$prefix/venv/bin/python" -s -m pip --disable-pip-version-check "$@" "${wheel}[mqtt]"
    say "testing it on this device"
    "$prefix/venv/bin/edge-digits" doctor --self-test || stop "it does not work here: see above"
    ln -sf "$prefix/venv/bin/edge-digits" "$bin/edge-digits"
    if [ "$0" != "$prefix/install.sh" ]; then cp "$here/install.sh" "$prefix/install.sh"; fi
    well=yes
    rm -rf "$prefix/venv.old"
    renew="$prefix/venv/bin/edge-digits service install --renew" # starts it anew if it runs
    if ours && is_root; then $renew --root "$root/"; fi
    source=0 sudo=''
    if is_root; then sudo='sudo '; fi
    if [ -n "$camera" ]; then source=picamera2; fi
    say_all "
edge-digits is installed. What to do next:
  edge-digits classify PICTURE          read a digit
  edge-digits watch $source          read what a camera sees
  sudo $prefix/venv/bin/edge-digits service install      do so from now on, and after each start
  ${sudo}sh $prefix/install.sh --uninstall     remove it all"
    if ours && ! is_root; then say_all "The service still runs what was there before: sudo $renew"; fi
    case :$PATH: in *":$bin:"*) ;; *) say_all "$bin is not in PATH: call $bin/edge-digits" ;; esac
}

# All but the service. What cannot be removed is named; returns 1 then.
uninstall_files() {
    made='' left=''
    while IFS= read -r folder; do
        made="$made$folder
"
    done <"$marker"
    remove "$prefix" || left=" $prefix"
    if [ -L "$bin/edge-digits" ] && [ ! -e "$bin/edge-digits" ]; then remove "$bin/edge-digits" || left="$left $bin/edge-digits"; fi
    while IFS= read -r folder; do
        if [ ! -d "$folder" ] || ! is_empty "$folder"; then continue; fi
        if has rmdir; then rmdir "$folder" || true; else remove "$folder" || true; fi
        if [ -d "$folder" ]; then left="$left $folder"; fi
    done <<END
$made
END
    if [ -n "$left" ]; then
        warn "not removed:$left"
        return 1
    fi
}

# As `edge-digits service uninstall`, without the environment: a newer system's Python may have broken it.
uninstall_service() {
    running=$root/run/systemd/system left=''
    if [ -d "$running" ]; then
        if has systemctl; then
            systemctl disable --now edge-digits.service || say "systemctl could not stop the service"
        else
            warn "systemctl is missing: the service may run until this machine starts again"
        fi
    fi
    set -- "$unit" "${unit%/*}/multi-user.target.wants/edge-digits.service"
    if [ -z "$keep" ]; then
        set -- "$@" "$root/etc/edge-digits" "$root/var/lib/edge-digits" "$root/var/lib/private/edge-digits"
    fi
    remove "$@" || true
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then left="$left $path"; fi
    done
    if [ -d "$running" ] && has systemctl; then systemctl daemon-reload || true; fi
    if [ -n "$left" ]; then
        warn "not removed:$left"
        return 1
    fi
    say "removed: the service"
}

uninstall() {
    [ -e "$marker" ] || stop "there is no edge-digits in $prefix"
    well=yes
    if ! has rm; then
        if has "$python"; then with="; removing with $python"; else with=''; fi
        warn "rm is missing: apt-get install coreutils$with"
    fi
    if ours; then
        is_root || stop "the service is the system's: run this with sudo and PREFIX=$prefix BIN=$bin"
        uninstall_service || well=''
    fi
    if uninstall_files; then say "removed: $prefix, $bin/edge-digits"; else well=''; fi
    [ -n "$well" ]
}

main() {
    unset CDPATH
    case $0 in */*) here=${0%/*}/ ;; *) here=./ ;; esac
    here=$(cd "$here" && pwd)
    if is_root; then
        prefix=${PREFIX:-/opt/edge-digits} bin=${BIN:-/usr/local/bin}
    else
        prefix=${PREFIX:-$HOME/.local/share/edge-digits} bin=${BIN:-$HOME/.local/bin}
    fi
    if [ -e "$here/.edge-digits" ]; then # the copy that lies in what it installed
        prefix=$here
        if [ -e "$here/.bin" ]; then bin=${BIN:-$(line_of "$here/.bin")}; fi
    fi
    prefix=${prefix%/} bin=${bin%/}
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

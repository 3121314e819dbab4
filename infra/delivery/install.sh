#!/bin/sh
# Installs the worker, or upgrades it. One that is not well gives way to the one before, and the host goes on as it was.
#
#   install.sh [--root DIR] ARCHIVE SETTINGS
#
# ARCHIVE is the worker's, with its own Python (infra/worker_archive.py); SETTINGS becomes /etc/mosaic/worker.env, while
# /etc/mosaic/local.env is the operator's and never touched. It asks for root, tar, flock and systemd 239, and for no network.
# DIR stands for / in tests.
#
# Exit codes: 0 the worker is as ARCHIVE and SETTINGS say; 1 it is not, and runs as before; 2 wrong usage.
#
# It may be cut off at any moment and be run again: a version counts once it is marked as installed, the one before is
# kept until then, and so are its settings. What ends it half-way, but for SIGKILL and a power cut, has the worker from
# before started again. What was tried and was not well is not tried again by itself, for each try stops the seats.

set -eu
umask 022

UNIT=mosaic-worker.service
READY_SECONDS=900 # ViSQOL compiles for up to 40 s on its first start; a busy machine takes several times that
MOST_RESTARTS=3   # systemd starts one that dies again and again, for ever
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin

say() { printf '%s\n' "$*"; }

fail() {
    trap - EXIT
    say "Not installed: $*" >&2
    exit 1
}

root=
if [ "${1-}" = --root ]; then
    root=$2
    shift 2
fi
if [ $# -ne 2 ] || [ ! -f "$1" ] || [ ! -f "$2" ]; then
    say "usage: install.sh [--root DIR] ARCHIVE SETTINGS" >&2
    exit 2
fi
archive=$1
settings=$2

home=$root/opt/mosaic
etc=$root/etc/mosaic
units=$root/etc/systemd/system
users=$root/etc/sysusers.d
is_stopped=
before_env=$etc/worker.env.before # of `previous`; there as long as an installation is under way

main() {
    mkdir -p "$home/versions" "$etc" "$units/$UNIT.d" "$users"
    take_lock
    new=$(tar --occurrence=1 -xzOf "$archive" VERSION) || fail "$archive is no archive of the worker's."
    case $new in '' | *[!0-9A-Za-z._-]* | .*) fail "$archive has no VERSION that can be a directory's name." ;; esac
    old=$(installed_version)
    if [ "$new" = "$old" ] && [ ! -e "$before_env" ] && cmp -s "$settings" "$etc/worker.env"; then
        trap - EXIT
        say "No change: $new."
        exit 0
    fi
    tried=$home/versions/$new.tried
    if cmp -s "$settings" "$tried"; then
        [ ! -e "$before_env" ] || go_back # it was cut off on its way there
        fail "$new was tried with these settings and was not well. To have it tried again: rm $tried"
    fi
    unpack
    make_user
    install_new
}

# The kernel gives it back whenever this process ends.
take_lock() {
    exec 9>"$home/installing"
    flock --nonblock 9 || fail "another installation runs. It is over when this command is no longer refused."
    trap 'exit 1' HUP INT PIPE TERM
    trap cut_off EXIT
}

# The version that last was well, which an installation that is under way has kept.
installed_version() {
    links="current previous"
    [ ! -e "$before_env" ] || links="previous current"
    for link in $links; do
        version=$(basename "$(readlink "$home/$link" || :)")
        if [ -n "$version" ] && [ -e "$home/versions/$version/.installed" ]; then
            printf '%s\n' "$version"
            return
        fi
    done
}

make_user() {
    printf '%s\n' 'u mosaic - "Mosaic worker" /var/lib/mosaic' >"$users/mosaic.conf"
    systemd-sysusers
}

unpack() {
    rm -rf "$home/versions/"*.unpacking
    [ ! -d "$home/versions/$new" ] || return 0
    unpacked=$home/versions/$new.unpacking
    mkdir "$unpacked"
    if ! tar -xzf "$archive" -C "$unpacked" --no-same-owner; then
        rm -rf "$unpacked"
        fail "$archive could not be unpacked to $home/versions. Is the disk full?"
    fi
    (cd "$unpacked" && bin/python -m compileall -q . || :) # it cannot write there when it runs
    sync -f "$unpacked" # what a power cut leaves under the name of a version is all of it
    mv "$unpacked" "$home/versions/$new"
}

install_new() {
    say "Installing $new${old:+ in the place of $old}."
    if [ -n "$old" ] && [ ! -e "$before_env" ]; then
        point previous "$old"
        had=$etc/worker.env
        [ -f "$had" ] || had=$settings # somebody has removed it
        put "$had" "$before_env" || fail "the settings from before cannot be kept in $etc. Is the disk full?"
    fi
    is_stopped=yes
    stops
    was_well=no
    if [ -n "$old" ]; then
        use "$old" "$before_env" || :
        if worker check >/dev/null 2>&1; then was_well=yes; fi
    fi
    if use "$new" "$settings" && is_well && starts && touch "$home/versions/$new/.installed"; then
        trap '' HUP INT PIPE TERM
        trap - EXIT
        rm -f "$before_env" "$home/versions/"*.tried
        remove_others
        say "Installed: $new."
    else
        go_back
    fi
}

# Told to end half-way, or something failed that never should: the next run begins anew.
cut_off() {
    [ -n "$is_stopped" ] || fail "cut off before anything was changed. The worker runs as before."
    [ -n "$old" ] || fail "cut off, and there is no worker before $new. Nothing runs."
    systemctl stop $UNIT 2>/dev/null || :
    use "$old" "$before_env" || :
    systemctl start --no-block $UNIT || :
    fail "cut off. $old is started again, with its settings."
}

# Makes a version with its settings the one that the unit runs. A full disk does not keep what is there already from it.
use() {
    put "$2" "$etc/worker.env" &&
        point current "$1" &&
        put "$home/current/worker/$UNIT" "$units/$UNIT" &&
        worker unit >"$home/engine.conf" &&
        put "$home/engine.conf" "$units/$UNIT.d/50-engine.conf" &&
        systemctl daemon-reload &&
        systemctl --quiet enable $UNIT
}

# Copies a file in one step, so that no moment and no power cut finds a half of it.
put() {
    cmp -s "$1" "$2" && return
    cp "$1" "$2.new" &&
        sync "$2.new" &&
        mv -f "$2.new" "$2"
}

# Links a name to a version in one step, so that there is no moment without it.
point() {
    ln -sfn "versions/$2" "$home/$1.new" &&
        mv -Tf "$home/$1.new" "$home/$1"
}

# A command to the worker that is current, with the settings that its unit gives it.
worker() {
    (
        set -a
        export MOSAIC_STATE_DIRECTORY="$root/var/lib/mosaic"
        export MOSAIC_WORK_DIRECTORY="$root/var/cache/mosaic"
        . "$etc/worker.env"
        [ ! -f "$etc/local.env" ] || . "$etc/local.env"
        cd "$home/current" && exec bin/python -m worker "$@"
    )
}

# A licence that was not there before is not missed: that is a state of the host, and it has its own alarm.
is_well() {
    status=0
    worker check || status=$?
    case $status in
    0) return 0 ;;
    1) [ $was_well = no ] && say "Its engine is not well, and was not well before: see above." ;;
    *) return 1 ;;
    esac
}

stops() {
    systemctl stop $UNIT 2>/dev/null || :
    case $(systemctl is-active $UNIT) in
    inactive | failed | unknown) ;;
    *) fail "the worker could not be stopped, and runs on: journalctl -u $UNIT tells why." ;;
    esac
}

starts() {
    systemctl start --no-block $UNIT
    looks=$((READY_SECONDS * 5))
    while [ $looks -gt 0 ]; do
        case $(systemctl is-active $UNIT) in
        active) return 0 ;;
        failed) break ;;
        esac
        restarts=$(systemctl show --property=NRestarts --value $UNIT)
        [ "${restarts:-0}" -lt $MOST_RESTARTS ] || break
        sleep 0.2
        looks=$((looks - 1))
    done
    say "The worker did not become ready: journalctl -u $UNIT tells why." >&2
    return 1
}

go_back() {
    cp "$settings" "$tried" || :
    systemctl stop $UNIT 2>/dev/null || :
    if [ -z "$old" ]; then
        systemctl --quiet disable $UNIT || :
        fail "$new is not well, and there is none before it. Nothing runs."
    fi
    [ "$new" = "$old" ] || { point current "$old" && rm -rf "$home/versions/$new"; } # it may have filled the disk
    if use "$old" "$before_env" && starts; then
        rm -f "$before_env"
        fail "$new is not well. $old runs again, with its settings."
    fi
    systemctl start --no-block $UNIT || :
    fail "$new is not well, and neither is $old, which was before: look at this host. The next run tries $old again."
}

remove_others() {
    for directory in "$home/versions/"*; do
        case ${directory##*/} in "$new" | "$old") ;; *) rm -rf "$directory" ;; esac
    done
}

main

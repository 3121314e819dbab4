#!/bin/sh
# Installs a version of Mosaic's worker, or leaves it as it is. Run as root by Systems Manager: see infra/delivery.py.
#
#   sh install.sh DIRECTORY VERSION
#
# DIRECTORY is the unpacked archive with worker.env in it. Needs a POSIX shell, tar, and systemd 239. Versions stand side
# by side in /opt/mosaic; /opt/mosaic/current leads to the one that runs. Where the new one does not come up, or its
# engine is less well than it was before, the old one is put back, with its settings, and this fails.
#
# MOSAIC_ROOT is a scratch root for tests.

set -eu

archive=$1
version=$2
root=${MOSAIC_ROOT:-}
opt=$root/opt/mosaic
etc=$root/etc/mosaic
units=$root/etc/systemd/system
unit=mosaic-worker
start_seconds=${MOSAIC_START_SECONDS:-600} # seats warm up; a licence may be slow to answer

say() { printf '%s\n' "$*"; }

# A version's interpreter, as the worker's user, with the worker's settings.
worker() (
    cd "$opt/$1" && shift
    set -a
    . "$etc/worker.env"
    MOSAIC_STATE_DIRECTORY=$root/var/lib/mosaic MOSAIC_WORK_DIRECTORY=$root/var/cache/mosaic
    set +a
    bin/python -m worker "$@"
)

# How well the engine is, by exit code: 0 well, 1 not, 2 set up wrongly. See docs/operate.md.
condition() {
    code=0
    worker "$1" check >"$opt/$1/check.log" 2>&1 || code=$?
    say "$code"
}

unpack() {
    [ -d "$opt/$version" ] && return
    rm -rf "$opt/$version.new"
    mkdir -p "$opt/$version.new"
    cp -R "$archive/." "$opt/$version.new"
    rm -f "$opt/$version.new/worker.env" "$opt/$version.new/python.tar.gz"
    tar -xzf "$archive/python.tar.gz" -C "$opt/$version.new" # its one folder is python/
    mkdir -p "$opt/$version.new/bin"
    ln -s ../python/bin/python3 "$opt/$version.new/bin/python"
    chmod -R go+rX "$opt/$version.new"
    mv "$opt/$version.new" "$opt/$version"
}

# What systemd reads: unit, what the engine needs of it, settings.
configure() { # VERSION SETTINGS
    mkdir -p "$etc" "$units/$unit.service.d"
    cp "$2" "$etc/worker.env.new"
    chmod 600 "$etc/worker.env.new"
    mv "$etc/worker.env.new" "$etc/worker.env"
    cp "$opt/$1/worker/mosaic-worker.service" "$units/$unit.service"
    worker "$1" unit >"$units/$unit.service.d/50-engine.conf"
    systemctl daemon-reload
}

# The link changes while the worker is stopped: what runs never finds half of another version under it.
run() { # VERSION
    systemctl stop "$unit" # drains
    ln -s "$1" "$opt/current.new"
    mv -T "$opt/current.new" "$opt/current"
    systemctl enable "$unit"
    systemctl start --no-block "$unit"
}

came_up() {
    waited=0
    while [ "$waited" -lt "$start_seconds" ]; do
        case $(systemctl is-active "$unit" || :) in
        active) return 0 ;;
        failed) return 1 ;;
        esac
        sleep 1
        waited=$((waited + 1))
    done
    return 1
}

same() { [ "$before" = "$version" ] && cmp -s "$archive/worker.env" "$etc/worker.env"; }

before=
[ -L "$opt/current" ] && before=$(readlink "$opt/current")
if same && [ "$(systemctl is-active "$unit" || :)" = active ]; then
    say "This version runs, with these settings: nothing to do."
    exit 0
fi

mkdir -p "$opt"
rm -f "$opt/current.new"
id mosaic >/dev/null 2>&1 || useradd --system --home-dir /var/lib/mosaic --shell /sbin/nologin mosaic
unpack
well_before=1
if [ -n "$before" ]; then
    well_before=$(condition "$before")
    cp -p "$etc/worker.env" "$opt/$before/worker.env"
fi
configure "$version" "$archive/worker.env"
run "$version"
well=2
if came_up; then well=$(condition "$version"); fi
if [ "$well" -le "$well_before" ]; then
    say "Version $version runs; its engine's condition is $well, and was $well_before."
    exit 0
fi
say "Version $version is not well:"
cat "$opt/$version/check.log" 2>/dev/null || :
if [ -n "$before" ]; then
    configure "$before" "$opt/$before/worker.env"
    run "$before"
    came_up && say "Version $before runs again." || say "Version $before does not come up again either."
fi
exit 1

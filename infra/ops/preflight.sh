# What a machine is like, a fact a line; infra/ops/preflight_machine.py judges it. It reads, and changes nothing.
# Arguments: the addresses that the worker calls. POSIX sh; run by Systems Manager as root.

fact() { printf '%s=%s\n' "$1" "$2"; }

answer() {
    if headers=$(curl --silent --show-error --head --max-time 10 "$1" 2>&1); then
        fact "clock $1" "$(date +%s)"
        fact "date $1" "$(printf '%s\n' "$headers" | tr -d '\r' | sed -n 's/^[Dd][Aa][Tt][Ee]: *//p')"
    else
        fact "silence $1" "$(printf '%s\n' "$headers" | tail -n 1)"
    fi
}

fact machine "$(uname -m)"
fact systemd "$(systemctl --version 2>/dev/null | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p')"
fact glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/[^0-9]*//')"
for tool in tar flock curl; do
    fact "$tool" "$(command -v "$tool")"
done
for directory in /opt /var/cache; do
    fact "free $directory" "$(df -Pk "$directory" 2>/dev/null | awk 'NR == 2 { print $4 }')"
done
for address; do
    answer "$address"
done

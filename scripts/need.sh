#!/bin/sh
# need.sh COMMAND|PATH PACKAGE...: fine if it is there, else install the Debian packages where we may.
set -eu
wanted=$1
shift

there() {
    case $wanted in
    /*) [ -e "$wanted" ] ;;
    *) command -v "$wanted" >/dev/null 2>&1 || [ -x "/usr/sbin/$wanted" ] ;;
    esac
}

there && exit 0

if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    printf 'Missing: %s. Install it (Debian, Ubuntu: apt install %s).\n' "$wanted" "$*" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" >/dev/null
}
printf 'Installing %s (for the tests or measurements that use it)\n' "$*"
install "$@" 2>/dev/null || { apt-get update -qq && install "$@"; }
there

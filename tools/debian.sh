#!/bin/sh
# debian.sh COMMAND PACKAGE …: installs each Debian package whose command is missing, where we may.
set -eu
missing=""
while [ $# -gt 1 ]; do
    command -v "${1%% *}" >/dev/null 2>&1 && case $1 in *" "*) $1 >/dev/null 2>&1;; esac || {
        [ -x "/usr/sbin/$1" ] || missing="$missing $2"
    }
    shift 2
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "These programs are missing, and there is no apt-get here to install them:$missing" >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "Please install, as root:  apt-get install$missing" >&2
    exit 1
fi
echo "Installing$missing…"
# Debian would start a broker of its own on port 1883: a policy file that we make and remove keeps it from doing so.
policy=/usr/sbin/policy-rc.d made=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod 755 "$policy" && made=yes
fi
status=0
$as_root env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends$missing" >/dev/null || status=$?
[ -z "$made" ] || $as_root rm -f "$policy"
[ "$status" = 0 ] || { echo "apt-get could not install$missing" >&2; exit 1; }

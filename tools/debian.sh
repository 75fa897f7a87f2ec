#!/bin/sh
# debian.sh COMMAND=PACKAGE …: installs each Debian package whose command is missing, where we may; "=PACKAGE" always.
# Where we may not, one line says what to install, and the exit code is 1.
set -eu

missing=""
for pair in "$@"; do
    command=${pair%%=*} package=${pair#*=}
    # Debian keeps daemons in /usr/sbin, which is on nobody's path but root's.
    [ -n "$command" ] && { command -v "$command" >/dev/null 2>&1 || [ -x "/usr/sbin/$command" ]; } && continue
    case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
done
[ -n "$missing" ] || exit 0

please() {
    echo "Missing here:$missing. Please install, as root:  apt-get install$missing" >&2
    exit 1
}

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing here:$missing (so Debian calls it). There is no apt-get: please install it by your system's own means." >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root="env"
elif ! command -v sudo >/dev/null 2>&1; then
    please
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
elif [ -t 0 ] && [ -t 2 ]; then
    echo "To install$missing, sudo asks for your password." >&2
    sudo -v || please
    as_root=sudo
else
    please
fi

echo "Installing$missing with apt-get…"
said=$(mktemp)
# Debian would start a broker of its own on port 1883: a policy, ours for the time of the installation, keeps it from doing so.
policy=/usr/sbin/policy-rc.d made=""
clean_up() {
    rm -f "$said"
    [ -z "$made" ] || $as_root rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM
if [ ! -e "$policy" ]; then
    made=yes
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >>"$said" 2>&1 </dev/null; }
# A fault of one package source need not concern ours: only the installation's own outcome counts.
apt update || true
# shellcheck disable=SC2086 # one word a package
apt install --yes --no-install-recommends $missing || {
    tail -n 5 "$said" >&2
    please
}

#!/bin/sh
# Installs the servers that the tests run, as Debian packages, and starts none of them.
# Quick when nothing is missing. Needs root, or sudo.
set -eu

# systemd is for systemd-analyze, which checks units without being the init; chromium is for pages that are looked at.
PACKAGES='nginx-light apache2 apache2-suexec-custom libapache2-mod-fcgid haproxy lighttpd lighttpd-mod-openssl caddy systemd uwsgi-core spawn-fcgi libfcgi-bin chromium curl iproute2'

missing=
for package in $PACKAGES; do
    case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true) in
        installed) ;;
        *) missing="$missing $package" ;;
    esac
done
# Any nginx will do, nginx-light is only the smallest.
if command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ]; then
    missing=$(printf '%s' "$missing" | sed 's/ nginx-light//')
fi
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo

# Debian starts services as it installs them, and two of these want port 80. Exit code 101 of policy-rc.d says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$sudo rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod 755 "$policy"
fi

$sudo apt-get update -q
# shellcheck disable=SC2086 # a list
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing

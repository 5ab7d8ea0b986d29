#!/bin/sh
# The unit as systemd reads it: no unknown key, no bad value. 77: systemd is not here, so nothing was tested.
set -eu
command -v systemd-analyze >/dev/null || { echo "packaging: systemd-analyze is not installed; NOT TESTED"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# The program need not be installed where the unit looks for it.
sed 's|^ExecStart=/usr/bin/demilune |ExecStart=/bin/true |' "$(dirname "$0")/demilune.service" >"$dir/demilune.service"
grep -q '^ExecStart=/bin/true up ' "$dir/demilune.service"
said=$(systemd-analyze verify --man=no --recursive-errors=no "$dir/demilune.service" 2>&1) && status=0 || status=$?
said=$(printf '%s\n' "$said" | sed -n '/demilune/p')
[ -z "$said" ] || printf '%s\n' "$said"
[ "$status" = 0 ] && [ -z "$said" ]

#!/usr/bin/env bash
# Runs the two commands of the README on a fresh machine: a bare Debian 12 in a folder, with make, git and
# this machine's Go, and a clone of the last commit. Needs root, debootstrap and unshare. `make fresh` calls it.
#
#   tests/fresh/run.sh [--modules] [--keep] [COMMAND...]
#
# --modules  mounts this machine's module cache, which saves the downloads
# --keep     leaves the folder of the machine and prints its name
# COMMAND    is run instead of the README's commands, in a shell, in the clone
set -euo pipefail

suite=bookworm
modules= keep=
while [ $# -gt 0 ]; do
	case $1 in
	--modules) modules=yes ;;
	--keep) keep=yes ;;
	--) shift && break ;;
	-*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 2 ;;
	*) break ;;
	esac
	shift
done
commands=("$@")
[ ${#commands[@]} -gt 0 ] || commands=('go run ./cmd/sim demo' 'make test')

checkout=$(cd "$(dirname "$0")/../.." && pwd)
for program in debootstrap unshare; do
	command -v "$program" >/dev/null || { echo "$program is missing: apt-get install debootstrap util-linux"; exit 1; }
done
[ "$(id -u)" -eq 0 ] || { echo "a root of its own needs root"; exit 1; }
[ -z "$(git -C "$checkout" status --porcelain)" ] || echo "note: uncommitted changes are not part of the clone"

machine=$(mktemp -d "${TMPDIR:-/tmp}/fresh.XXXXXX")
chmod 755 "$machine" # for apt, which drops its rights
if [ -n "$keep" ]; then echo "machine: $machine"; else trap 'rm -rf --one-file-system "$machine"' EXIT; fi

echo "debootstrap $suite"
debootstrap --variant=minbase --include=ca-certificates,git,make "$suite" "$machine" ${MIRROR:+"$MIRROR"} >"$machine.log" 2>&1 ||
	{ tail -20 "$machine.log"; exit 1; }
rm -f "$machine.log"

cp -L /etc/resolv.conf "$machine/etc/resolv.conf"
for ca in /usr/local/share/ca-certificates/*.crt; do # those that this machine's network needs
	[ ! -e "$ca" ] || cp -L "$ca" "$machine/usr/local/share/ca-certificates/"
done
chroot "$machine" update-ca-certificates >/dev/null 2>&1
git clone -q "file://$(git -C "$checkout" rev-parse --path-format=absolute --git-common-dir)" "$machine/root/hublink"
git -C "$machine/root/hublink" -c advice.detachedHead=false checkout -q "$(git -C "$checkout" rev-parse HEAD)"

mkdir -p "$machine/usr/local/go" "$machine/root/go/pkg/mod"
export machine modules
export goroot="$(go env GOROOT)" gomodcache="$(go env GOMODCACHE)"

# The mounts and the processes are in name spaces of their own, and end with them.
inside() {
	unshare --mount --pid --fork --kill-child --mount-proc bash -euo pipefail -c '
		mount --bind -o ro "$goroot" "$machine/usr/local/go"
		[ -z "$modules" ] || mount --bind "$gomodcache" "$machine/root/go/pkg/mod"
		mount -t proc proc "$machine/proc"
		mount --rbind /dev "$machine/dev"
		exec chroot "$machine" "$@"' bash "$@"
}

failed=0
for command in "${commands[@]}"; do
	echo "$command"
	SECONDS=0
	inside /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 \
		PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)" \
		${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"} \
		bash -c "cd /root/hublink && $command" && status=0 || status=$?
	echo "$command: exit $status after $SECONDS s"
	[ "$status" -eq 0 ] || { failed=1 && break; }
done
exit $failed

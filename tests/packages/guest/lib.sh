# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# TAP of the steps of tests/packages, and what they ask of the system. The harness leaves in /steps/config: OLD and NEW, the
# versions of the packages in the repository; FIRST and LATER, the kernels.

# shellcheck disable=SC1091
[ ! -e /steps/config ] || . /steps/config
# shellcheck disable=SC2034 # for the steps
DISK=0000:00:11.0 EDU=0000:00:10.0
n=0 said=

ok() { n=$((n + 1)); printf 'ok %d - %s\n' "$n" "$1"; }
not_ok() {	# TEXT WHY
	n=$((n + 1))
	printf 'not ok %d - %s\n' "$n" "$1"
	printf '%s\n' "$2" | tail -n 30 | sed 's/^/# /'
}
plan() { printf '1..%d\n' "$n"; }

is() {	# TEXT EXPECTED ACTUAL
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected \"$2\", is \"$3\""; fi
}
# runs TEXT STATUS COMMAND... : ends with that status. What it said is in $said.
runs() {
	local text=$1 status=$2 got=0
	shift 2
	said=$("$@" 2>&1 </dev/null) || got=$?
	printf '%5d s, status %d: %s\n%s\n' "$SECONDS" "$got" "$*" "$said" >&2
	if [ "$got" = "$status" ]; then ok "$text"; else not_ok "$text" "status $got of: $*
$said"; fi
}
# says TEXT PATTERN : what the command before said has a line that fits the regular expression.
says() {
	if grep -Eq -- "$2" <<<"$said"; then ok "$1"; else not_ok "$1" "no line fits \"$2\" in:
$said"; fi
}
says_not() {
	if grep -Eq -- "$2" <<<"$said"; then not_ok "$1" "$(grep -E -- "$2" <<<"$said")"; else ok "$1"; fi
}
exists() { if [ -e "$2" ]; then ok "$1"; else not_ok "$1" "no $2"; fi; }
absent() {	# TEXT PATH...
	local text=$1 path
	shift
	for path; do
		if [ -e "$path" ] || [ -L "$path" ]; then not_ok "$text" "$path is there"; return; fi
	done
	ok "$text"
}

# apt as an administrator calls it.
apt_get() { apt-get -q -y "$@"; }
# dkms_state KERNEL : nothing if there is no build for it. That the source is there is said without a kernel.
dkms_state() { dkms status -m iommufd-ext -k "$1" 2>/dev/null | sed -n 's/^[^,]*, .*: //p' | sort | paste -sd' '; }
module_version() { modinfo -k "$1" -F version "$2" 2>/dev/null; }
module_file() { modinfo -k "$1" -F filename "$2" 2>/dev/null | sed 's/\.ko.*/.ko/'; }
loaded_version() { cat "/sys/module/$1/version" 2>/dev/null; }
driver() { basename "$(readlink -f "/sys/bus/pci/devices/$1/driver")"; }
node() { echo "/dev/vfio/devices/$(cd "/sys/bus/pci/devices/$1/vfio-dev" && echo vfio*)"; }
who() { stat -c '%a %U:%G' "$1"; }
# system_state : "running" when every unit has started, else "degraded" and which have failed.
system_state() {
	local state
	state=$(systemctl is-system-running --wait)
	[ "$state" = running ] || state+=": $(systemctl --failed --no-legend --plain | cut -d' ' -f1 | paste -sd' ')"
	echo "$state"
}
settle() { udevadm settle --timeout=120; }

# within SECONDS COMMAND... : once it succeeds
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 1
	done
}

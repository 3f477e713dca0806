# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the first-level halves of tests/clients share. They print TAP; what is to be known of a failure comes in
# comments after it. Each reads this from the directory the host put it into.

set -uo pipefail
cd /programs || exit

# ---- results ------------------------------------------------------------------------------

exec 3>&1
number=0
plan() { echo "1..$1"; }

# check TEXT COMMAND ARG... : a test is a command that succeeds. What it prints is for who asks why not.
check() {
	local text=$1
	shift
	number=$((number + 1))
	if "$@" >/tmp/check.out 2>&1; then
		echo "ok $number - $text"
		return
	fi
	echo "not ok $number - $text"
	sed 's/^/#   /' /tmp/check.out
	tail -n 12 "/tmp/second.${current:-}"* /tmp/qmp.log 2>/dev/null | tr -d '\r' | sed 's/^/#   /'
	dmesg | tail -n 12 | sed 's/^/#   /'
}

# within SECONDS COMMAND ARG... : the command succeeds some time, while the QEMU we started lives.
within() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		if [ -n "$second" ] && [ ! -e "/proc/$second/exe" ]; then
			# It may have been the last thing it did.
			"$@" && return
			echo "QEMU has ended"
			return 1
		fi
		[ "$SECONDS" -lt "$end" ] || { echo "not in time: $*"; return 1; }
		sleep 0.2
	done
}

same() { [ "$1" = "$2" ] || { echo "is '$1', not '$2'"; return 1; }; }

# In the kernel log since the last mark?
mark() { echo "programs: mark $((marks = ${marks:-0} + 1))" >/dev/kmsg; }
logged() { dmesg | sed "1,/programs: mark $marks\$/d" | grep -- "$1" >/dev/null; }

# ---- devices ------------------------------------------------------------------------------

vfio_dir() { echo "/sys/bus/pci/devices/$1/vfio-dev"/vfio*; }
node() { local dir; dir=$(vfio_dir "$1"); echo "/dev/vfio/devices/${dir##*/}"; }

# The disk behind the port that can be unplugged; its bus has a number of its own.
hot=(/sys/bus/pci/devices/0000:00:16.0/0000:??:??.?)
export HOT_BDF=${hot[0]##*/}
# host COMMAND : for the monitor of the QEMU this machine runs in.
host() { echo "# host $1" >&3; }

# opened PID : the files that process has open, by the names it knows.
opened() {
	local f
	for f in "/proc/$1/fd"/*; do readlink "$f"; done | sed 's,^/sid/,/,'
}

# In the background, because it waits for who uses the device.
write_file() {
	printf '%s' "$2" >"$1" 3>&- &
	writer=$!
}
written() {
	local end=$((SECONDS + 60))
	while [ -e "/proc/$writer/exe" ]; do
		[ "$SECONDS" -lt "$end" ] || { echo "still waits"; return 1; }
		sleep 0.2
	done
	wait "$writer"
}

# Pages that are pinned, in all.
pins() {
	cat /proc/sys/vm/stat_refresh >/dev/null
	awk '$1 == "nr_foll_pin_acquired" { n += $2 } $1 == "nr_foll_pin_released" { n -= $2 }
		END { print n }' /proc/vmstat
}
first_pins=$(pins)
# nothing_pinned : whoever had something is gone.
nothing_pinned() { same "$(($(pins) - first_pins))" 0; }
something_pinned() { [ "$(pins)" -gt "$first_pins" ]; }

# ---- programs -----------------------------------------------------------------------------

# sid_root : the other user land, with this one's devices and files.
sid_root() {
	local d
	mkdir -p /sid.lower /sid.upper /sid
	mount -o ro /dev/vdc /sid.lower
	mount -t tmpfs tmpfs /sid.upper
	mkdir /sid.upper/data /sid.upper/work
	mount -t overlay -o lowerdir=/sid.lower,upperdir=/sid.upper/data,workdir=/sid.upper/work sid /sid
	for d in dev proc sys run tmp programs usr/lib/modules; do
		mkdir -p "/sid/$d"
		mount --rbind "/$d" "/sid/$d"
	done
}
# sid COMMAND ARG... : a program of it.
sid() { chroot /sid "$@"; }

# start_second CASE DISKS QEMU-ARG... : a second-level guest that reads and writes its disks; with STAY
# set, it stays to do so as long as it has one. Without XSAVE: see tests/clients/demo/first. ${QEMU[@]} is which
# QEMU, $MORE what else the guest is told. What the guest says goes to /tmp/second.CASE, and QEMU takes orders through a pipe.
QEMU=(qemu-system-x86_64)
second=
start_second() {
	local disks=$2
	current=$1
	shift 2
	: >"/tmp/second.$current"
	rm -f /tmp/qmp.in /tmp/qmp.out
	mkfifo /tmp/qmp.in /tmp/qmp.out
	"${QEMU[@]}" -accel kvm -machine "q35${MACHINE:-}" -cpu host -m 256 \
		-nodefaults -no-user-config -display none -no-reboot \
		-serial "file:/tmp/second.$current" \
		-chardev pipe,id=qmp,path=/tmp/qmp -mon chardev=qmp,mode=control \
		-kernel /programs/vmlinuz -initrd /programs/second.cpio \
		-append "console=ttyS0 quiet panic=-1 no_timer_check noxsave CASE=$current DISKS=$disks ${STAY:+STAY=1} ${MORE:-}" \
		"$@" </dev/null >"/tmp/second.$current.qemu" 2>&1 3>&- &
	second=$!
}

# qemu_ended STATUS : it has, with that.
qemu_ended() {
	local end=$((SECONDS + 400)) status=0
	while [ -e "/proc/$second/exe" ]; do
		[ "$SECONDS" -lt "$end" ] || { echo "QEMU does not end"; return 1; }
		sleep 0.2
	done
	wait "$second" || status=$?
	second=
	same "$status" "$1"
}

# said TEXT TIMES : the guest has, at the beginning of so many lines.
said() { [ "$(tr -d '\r' <"/tmp/second.$current" | grep -c -- "^$1")" -ge "$2" ]; }

# last_said VERB SERIAL : what the guest last said it has read from, or written to, that disk.
last_said() {
	tr -d '\r' <"/tmp/second.$current" |
		awk -v verb="$1" -v serial="$2" '$1 == "L2" && $2 == verb && $3 == serial { x = $4 } END { print x }'
}

# used SERIAL [CASE] : the guest has read what the disk held and has written the block of the case. From now
# on the disk must hold that block: the host is told, and looks at the end.
used() {
	local serial=$1 case=${2:-$current} sum interrupts
	within 600 said "L2 done" "$((case - current + 1))" || return
	sum=$(sha256sum <"$serial.expected")
	same "$(last_said read "$serial")" "${sum%% *}" || return
	interrupts=$(last_said wrote "$serial")
	[ "$interrupts" -gt 0 ] || { echo "no interrupt"; return 1; }
	printf 'written by the second-level guest, case %s, disk %s\n' "$case" "$serial" |
		dd of="$serial.expected" bs=4096 seek=$((512 + case)) conv=sync,notrunc status=none
	echo "# block $case $serial" >&3
}

# ---- QEMU's monitor -----------------------------------------------------------------------

# Opened for both directions, so that neither end waits for the other.
qmp_open() {
	exec {qmp_in}<>/tmp/qmp.in {qmp_out}<>/tmp/qmp.out
	: >/tmp/qmp.log
	qmp '{"execute": "qmp_capabilities"}'
}
qmp() { echo "$1" >&"$qmp_in"; }

# qmp_until PATTERN SECONDS : QEMU says a line that matches.
qmp_until() {
	local line end=$((SECONDS + $2))
	while [ "$SECONDS" -lt "$end" ]; do
		IFS= read -r -t 1 line <&"$qmp_out" || continue
		printf '%s\n' "$line" >>/tmp/qmp.log
		# shellcheck disable=SC2254 # it is a pattern
		case $line in $1) return 0 ;; esac
	done
	echo "QEMU does not say $1"
	return 1
}

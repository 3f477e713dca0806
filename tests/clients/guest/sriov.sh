# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the programs with virtual functions share, after lib.sh: a physical function with two of them.

token=6b1f6a52-0d7c-4b6e-9a55-0f2f6d3e8c11
export other=00000000-0000-0000-0000-000000000001
# Where a second-level guest can have one, so that it can be asked to give it back.
export port=(-device "pcie-root-port,id=port0,chassis=1")

use_pf() {
	pf=$1
	pf_dir=/sys/bus/pci/devices/$pf
}
vf() { local link; link=$(readlink "$pf_dir/virtfn$1"); echo "${link##*/}"; }
driver() { local link; link=$(readlink "/sys/bus/pci/devices/$1/driver"); echo "${link##*/}"; }
on_driver() { same "$(driver "$1")" "$2"; }
absent() { [ ! -e "/sys/bus/pci/devices/$1" ]; }

# Both guests: "first" is what "second" was when the first was started.
first=
both_live() { [ -e "/proc/$first/exe" ] && [ -e "/proc/$second/exe" ]; }
# stop_both : neither has a device any more.
stop_both() {
	kill "$first" "$second"
	wait "$first" "$second"
	second=
	nothing_pinned
}

# vfs_leave FILE TEXT : what is written there takes them away, after their users were asked for them.
vfs_leave() {
	write_file "$pf_dir/$1" "$2"
	written && absent "$vf0" && absent "$vf1"
}

# pf_to_user : it and its virtual functions go to our driver. QEMU's devices lose them when they are reset.
pf_to_user() {
	bind-vfio "$pf" vfio_cdev_ext
	echo >"$pf_dir/reset_method"
	echo 1 >/sys/module/vfio_cdev_ext/parameters/enable_sriov
	echo 1 >"$pf_dir/sriov_drivers_autoprobe"
	echo 2 >"$pf_dir/sriov_numvfs"
	vf0=$(vf 0) vf1=$(vf 1)
}
# start_user HOW : a program has the char device, with our token; until kill_user. HOW is "again" or nothing: see
# tests/clients/pf.c.
start_user() {
	mkfifo /tmp/pf.in
	/programs/pf "$pf" "$token" ${1:+"$1"} <>/tmp/pf.in >/tmp/pf.out 2>&1 3>&- &
	program=$!
}
ready() { cat /tmp/pf.out; grep -qx ready /tmp/pf.out; }
kill_user() {
	kill "$program"
	wait "$program" 2>/dev/null
}
# accepted TOKEN : the char device can be had with it.
accepted() { /programs/pf "$pf" "$1" again </dev/null; }
refused() { ! accepted "$1"; }

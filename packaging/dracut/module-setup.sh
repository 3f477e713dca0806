#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For devices that their own driver would take in the initramfs, as that of a disk does. dracut leaves this module out unless it
# is asked for. Put it to use, as root:
#
#   echo 'add_dracutmodules+=" iommufd-ext "' >/etc/dracut.conf.d/iommufd-ext.conf
#   dracut -f
#
# The modules are in the initramfs then, and what /etc/driverctl.d keeps of devices for a driver of VFIO, with that driver. Run
# dracut -f again when that changes.

# 255: only where it is asked for.
check() {
	return 255
}

depends() {
	echo udev-rules
}

# vfio_drivers : the one that is always there, and those that devices are kept for.
vfio_drivers() {
	{
		echo vfio_cdev_ext
		/usr/share/ioasidctl/override-rules /dev/null
	} | sort -u
}

# A device that waits for a driver that does not come would have none.
# shellcheck disable=SC2154 # dracut sets it
modules_are_built() {
	modinfo -k "$kernel" vfio_cdev_ext >/dev/null 2>&1
}

# The drivers are of no use to the machine that makes the initramfs yet: without hostonly they are taken all the same.
installkernel() {
	modules_are_built || return 0
	# shellcheck disable=SC2046 # several drivers
	hostonly='' instmods $(vfio_drivers)
}

# Before udev finds the devices the drivers are there: rd.driver.pre.
# shellcheck disable=SC2154
install() {
	modules_are_built || return 0
	mkdir -p "$initdir/etc/cmdline.d" "$initdir/usr/lib/udev/rules.d"
	vfio_drivers | sed 's/^/rd.driver.pre=/' >"$initdir/etc/cmdline.d/20-iommufd-ext.conf"
	/usr/share/ioasidctl/override-rules "$initdir/usr/lib/udev/rules.d/05-iommufd-ext.rules" >/dev/null
}

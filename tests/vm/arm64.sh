# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Rows of arm64: kernels of Debian for another architecture than this machine's, for which modules and programs are
# built with a cross compiler. Sourced by tests/vm/lib.sh.
#
# Nothing of arm64 is run on this machine. The user land is unpacked and not set up: what its packages would do
# then, and a test needs, is done here.

ARM64_CROSS=aarch64-linux-gnu-
ARM64_GUEST_PACKAGES=(base-files base-passwd dash libc-bin findutils diffutils hostname ncurses-base bash coreutils
	util-linux mount kmod pciutils procps grep sed gawk less iproute2 strace libcmocka0)
# The oldest C library that a program is linked with is that of the cross compiler.
ARM64_SYSROOT_PACKAGES=(libcmocka-dev libcmocka0)
# What is in an image of its own, for the demo alone.
ARM64_QEMU_PACKAGES=(qemu-system-arm busybox-static)

# row_arch ROW
row_arch() { case $(row_field "$1" kernel) in arm64:*) echo arm64 ;; *) echo amd64 ;; esac; }

# arm64_fetch_headers ROW RELEASE VERSION DIR FINAL : what modules are built with. The programs of kbuild have to be
# those of this machine. FINAL is where DIR will be.
arm64_fetch_headers() {
	local row=$1 release=$2 version=$3 dir=$4 final=$5 suite packages kbuild deb headers
	suite=$(row_suite "$row")
	say "fetching the headers of $release ($version)"
	mkdir -p "$dir/deb" "$dir/headers"
	mapfile -t packages < <(
		echo "linux-headers-$release"
		row_apt "$row" apt-cache depends "linux-headers-$release" |
			awk '/Depends: linux-headers-.*-common/ { print $2 }')
	kbuild=$(row_apt "$row" apt-cache depends "linux-headers-$release" | awk '/Depends: linux-kbuild-/ { print $2 }')
	(
		cd "$dir/deb" || exit
		quietly "$dir/headers.log" row_apt "$row" apt-get -q -o APT::Sandbox::User=root download \
			"${packages[@]/%/=$version}"
		quietly "$dir/kbuild.log" "$TOP/scripts/suite-apt" "${suite%:*}" \
			apt-get -q -o APT::Sandbox::User=root download "$kbuild=$version"
	)
	for deb in "$dir"/deb/*.deb; do dpkg -x "$deb" "$dir/headers"; done
	rm -rf "$dir/deb"
	headers=$dir/headers/usr/src/linux-headers-$release
	# It names the directory that is common to all flavours.
	sed -i "s,/usr/src/,$final/headers/usr/src/,g" "$headers/Makefile"
}

arm64_make_row() {
	local row=$1 release=$2 version=$3 dir=$4 tmp=$4.tmp
	[ -e "$dir/done" ] && return
	rm -rf "$tmp" "$dir"
	mkdir -p "$tmp"
	fetch_image "$row" "$release" "$version" "$tmp"
	arm64_fetch_headers "$row" "$release" "$version" "$tmp" "$dir"
	touch "$tmp/done"
	mv "$tmp" "$dir"
}

# arm64_row_prepare ROW : row_prepare for such a row.
arm64_row_prepare() {
	local row=$1 version
	row_version "$row"
	ROW_DIR=$EXT_CACHE/rows/$row-$({
		echo "$ROW_RELEASE $version" "$(row_field "$row" kernel)"
		declare -f arm64_make_row arm64_fetch_headers fetch_image pack_modules pick_modules make_image
	} | short_hash)
	with_cache_lock "row-$row" arm64_make_row "$row" "$ROW_RELEASE" "$version" "$ROW_DIR" ||
		die "cannot prepare the kernel of row $row"
	# shellcheck disable=SC2034 # for row_make
	ROW_KDIR=$ROW_DIR/headers/usr/src/linux-headers-$ROW_RELEASE
	# shellcheck disable=SC2034 # the same
	ROW_CROSS=$ARM64_CROSS
}

# arm64_unpack ROOT LOG SUITE PACKAGE... : packages of arm64 and what they depend on, not set up.
arm64_unpack() {
	local root=$1 log=$2 suite=$3
	shift 3
	# shellcheck disable=SC2016 # for mmdebstrap
	quietly "$log" mmdebstrap --mode=root --variant=extract --architectures=arm64 --skip=check/qemu \
		--include="$(IFS=,; echo "$*")" \
		--setup-hook='cd "$1"; for d in bin sbin lib; do mkdir -p usr/$d; ln -s usr/$d; done' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--format=directory "$suite" "$root" "deb $(debian_mirror) $suite main"
}

arm64_make_rootfs() {
	local dir=$1 tmp=$1.tmp root=$1.tmp/root file
	[ -e "$dir/done" ] && return
	say "unpacking the Debian $DEBIAN_SUITE user land of arm64"
	rm -rf "$tmp" "$dir"
	mkdir -p "$tmp"
	arm64_unpack "$root" "$tmp/mmdebstrap.log" "$DEBIAN_SUITE" "${ARM64_GUEST_PACKAGES[@]}"
	for file in passwd group; do cp "$root/usr/share/base-passwd/$file.master" "$root/etc/$file"; done
	[ -e "$root/usr/bin/awk" ] || ln -s gawk "$root/usr/bin/awk"
	mkdir -p "$root"/{ext,proc,sys,dev,run,tmp,root} "$root/usr/lib/modules"
	make_image "$root" "$tmp/root.img"
	rm -rf "$root"
	touch "$tmp/done"
	mv "$tmp" "$dir"
}

# arm64_rootfs_prepare : rootfs_prepare for such a row.
arm64_rootfs_prepare() {
	local dir
	dir=$EXT_CACHE/rootfs-arm64-$({
		declare -f arm64_make_rootfs arm64_unpack make_image
		printf '%s\n' "$DEBIAN_SUITE" "${ARM64_GUEST_PACKAGES[@]}"
	} | short_hash)
	with_cache_lock rootfs-arm64 arm64_make_rootfs "$dir" || die "cannot make the user land of arm64"
	ROOT_IMG=$dir/root.img
	export ROOT_IMG
}

arm64_make_qemu() {
	local dir=$1 tmp=$1.tmp root=$1.tmp/root
	[ -e "$dir/done" ] && return
	say "unpacking QEMU of Debian $DEBIAN_SUITE for arm64"
	rm -rf "$tmp" "$dir"
	mkdir -p "$tmp"
	arm64_unpack "$root" "$tmp/mmdebstrap.log" "$DEBIAN_SUITE" "${ARM64_QEMU_PACKAGES[@]}"
	cp "$root/usr/bin/busybox" "$tmp/"
	mkdir -p "$root"/{dev,proc,sys,tmp,demo}
	make_image "$root" "$tmp/qemu.img"
	rm -rf "$root"
	touch "$tmp/done"
	mv "$tmp" "$dir"
}

# arm64_qemu_prepare : sets QEMU_IMG, a user land with a QEMU that runs on arm64, and SECOND_BUSYBOX for the guest of
# that.
arm64_qemu_prepare() {
	local dir
	dir=$EXT_CACHE/qemu-arm64-$({
		declare -f arm64_make_qemu arm64_unpack make_image
		printf '%s\n' "$DEBIAN_SUITE" "${ARM64_QEMU_PACKAGES[@]}"
	} | short_hash)
	with_cache_lock qemu-arm64 arm64_make_qemu "$dir" || die "cannot unpack QEMU for arm64"
	QEMU_IMG=$dir/qemu.img SECOND_BUSYBOX=$dir/busybox
	export QEMU_IMG SECOND_BUSYBOX
}

arm64_make_sysroot() {
	local dir=$1 tmp=$1.tmp
	[ -e "$dir/done" ] && return
	rm -rf "$tmp" "$dir"
	mkdir -p "$tmp"
	arm64_unpack "$tmp/root" "$tmp/mmdebstrap.log" bookworm "${ARM64_SYSROOT_PACKAGES[@]}"
	touch "$tmp/done"
	mv "$tmp" "$dir"
}

# arm64_build_guest : the guest test programs, in build/guest-arm64; ioasidctl is not among them.
arm64_build_guest() {
	local dir
	dir=$EXT_CACHE/sysroot-arm64-$({
		declare -f arm64_make_sysroot arm64_unpack
		printf '%s\n' "${ARM64_SYSROOT_PACKAGES[@]}"
	} | short_hash)
	with_cache_lock sysroot-arm64 arm64_make_sysroot "$dir" || die "cannot unpack libraries of arm64"
	make -s -C "$TOP/tests/guest" "OUT=$BUILD/guest-arm64" "CC=${ARM64_CROSS}gcc" \
		"LDFLAGS=-L$dir/root/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,$dir/root/usr/lib/aarch64-linux-gnu" programs
}

# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the harness keeps: below build/ what is made of this tree, in EXT_CACHE what is not, the kernels of the
# rows and the user land, for all clones on this machine.
#
# A directory of the cache is named after a hash of what went into it and is filled under another name,
# then renamed, so an interrupted run leaves nothing half made.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${TOP}/build
VM=${TOP}/tests/vm
EXT_CACHE=${EXT_CACHE:-${XDG_CACHE_HOME:-~/.cache}/iommufd-ext}
MATRIX=${MATRIX:-$TOP/tests/matrix.txt}
export TOP BUILD VM EXT_CACHE MATRIX

say() { printf '%s\n' "vm: $*" >&2; }
die() { say "$*"; exit 243; }

# hash_of FILE-OR-TEXT on stdin -> 12 hex digits
short_hash() { sha256sum | cut -c1-12; }

# project_version : that of the modules and of all packages.
project_version() { sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP/dkms.conf"; }

# tree_id : a hash of what is tested. Of the documents that is what a test reads.
tree_id() {
	(
		cd "$TOP" || exit
		{ git ls-files -co --exclude-standard -z 2>/dev/null ||
			find . -path ./build -prune -o -type f -print0; } |
			grep -zvE '\.md$' | { cat; printf '%s\0' README.md docs/{packages,served,tracing}.md; } | sort -zu |
			{ xargs -0r sha256sum 2>/dev/null || true; } | short_hash
	)
}

# with_lock_in DIR NAME FUNCTION ARG... : two harnesses at once must not make the same thing. In a bash of
# its own, because "set -e" has no effect in a function whose status somebody asks for.
with_lock_in() {
	local dir=$1 name=$2
	shift 2
	mkdir -p "$dir"
	# shellcheck disable=SC2016 # for the inner one
	flock "$dir/.lock-$name" bash -euo pipefail -c '. "$1"; shift; "$@"' \
		with_lock "$VM/lib.sh" "$@"
}

# with_lock : for what is in build/, with_cache_lock for the cache.
with_lock() { with_lock_in "$BUILD" "$@"; }
with_cache_lock() { with_lock_in "$EXT_CACHE" "$@"; }

# quietly LOG CMD... : the output is only interesting when the command fails.
quietly() {
	local log=$1
	shift
	if [ -n "${V:-}" ]; then
		"$@" 2>&1 | tee "$log" >&2
		return
	fi
	"$@" >"$log" 2>&1 </dev/null || {
		local rc=$?
		tail -n 40 "$log" >&2
		say "failed ($rc): $* (whole output: $log)"
		return "$rc"
	}
}

# What "make" of the two modules runs, beside the compiler.
BUILD_ROOT_PACKAGES=(bash binutils coreutils dash diffutils findutils grep libc6-dev make mawk sed util-linux)

# ---- rows ---------------------------------------------------------------------------------

row_names() { awk '!/^#/ && NF && $2 != "=" { print $1 }' "$MATRIX"; }

# row_field ROW kernel|suites|skips|check
row_field() {
	awk -v row="$1" -v want="$2" '
		BEGIN { col["kernel"] = 2; col["suites"] = 3; col["skips"] = 4; col["check"] = 5 }
		!/^#/ && $1 == row && $2 != "=" { print $col[want]; found = 1 }
		END { exit !found }' "$MATRIX"
}

guest_programs() {
	find "$TOP/tests/guest" -maxdepth 1 -name '*_test.c' -printf '%f\n' | sed 's/\.c$//' | sort
}

# header_of FILE KEY : what a test says of itself in its comments, in lines "KEY: TEXT".
header_of() { sed -n "s/^ \{0,1\}[*#] $2: //p" "$1"; }

# program_of [TOPOLOGY:]PROGRAM[/PATTERN]
program_of() {
	local entry=${1%%/*}
	printf '%s\n' "${entry#*:}"
}

# A program may ask for a machine of its own with lines "vm: OPTIONS" at its beginning. The test build is
# built when a program asks for it.
options_of() {	# [TOPOLOGY:]PROGRAM[/PATTERN]
	local options
	options=$(header_of "$TOP/tests/guest/$(program_of "$1").c" vm | paste -sd ' ')
	case ${1%%/*} in
	*:*) printf '%s --topology %s\n' "$(sed -E 's/--topology [a-z0-9]+//' <<<"$options")" "${1%%:*}" ;;
	*) printf '%s\n' "$options" ;;
	esac
}

# What it asks for but for files, and these. Programs that ask for one machine can share it.
machine_of() { options_of "$1" | sed -E 's/--file [^ ]+//g' | xargs; }
files_of() { options_of "$1" | grep -oE -- '--file [^ ]+' | xargs; }

# row_entries ROW suites|check : what that column says, one a line, its lists as what is in them. Of several entries
# for a program, the last counts.
row_entries() {
	local entries
	entries=$(row_field "$1" "$2")
	if [ "$2" = check ] && [ "${entries:-=}" = = ]; then entries=$(row_field "$1" suites); fi
	awk -v entries="$entries" -v programs="$(guest_programs | tr '\n' ',')" '
		function say(topology, items,    i, n, item) {
			n = split(items, item, ",")
			for (i = 1; i <= n; i++) {
				if (item[i] == "" || item[i] == "-")
					continue
				if (item[i] in list)
					say(topology, list[item[i]])
				else if (item[i] ~ /^[a-z]+:/)
					say(substr(item[i], 1, index(item[i], ":")),
					    substr(item[i], index(item[i], ":") + 1))
				else
					add(topology item[i])
			}
		}
		function add(entry,    key) {
			key = entry
			sub(/\/.*/, "", key)
			if (key ~ /^!/) {
				delete chosen[substr(key, 2)]
				return
			}
			if (!(key in seen))
				order[++count] = key
			seen[key] = 1
			chosen[key] = entry
		}
		BEGIN { list["guest"] = programs }
		!/^#/ && $2 == "=" { list[$1] = $3 }
		END {
			say("", entries)
			for (i = 1; i <= count; i++)
				if (order[i] in chosen)
					print chosen[order[i]]
		}' "$MATRIX"
}

# row_suite ROW : the Debian suite its kernel comes from, SUITE:ARCH of another architecture; nothing if it is this
# machine's own.
row_suite() {
	local source arch
	source=$(row_field "$1" kernel)
	arch=$(row_arch "$1")
	[ "$arch" != amd64 ] || arch=
	case $source in *:*/*) source=${source#*:}; printf '%s\n' "${source%%/*}${arch:+:$arch}" ;; esac
}

# guest_dir ROW : where the programs for it are.
guest_dir() {
	case $(row_arch "$1") in
	arm64) echo "$BUILD/guest-arm64" ;;
	*) echo "$BUILD/guest" ;;
	esac
}

# row_has ROW SUITE : is that run there?
row_has() { [[ ",$(row_field "$1" suites)," == *",$2,"* ]]; }

# row_has_tests ROW : any guest test?
row_has_tests() { row_entries "$1" suites | grep '_test\(/\|$\)' >/dev/null; }

# is_short : is this "make check", or a part of it?
is_short() { [ "${CHECK_COLUMN:-suites}" != suites ]; }

# passes_over_leaks ROW : in "make check" debug does not look for leaks, which takes more time than all else there.
passes_over_leaks() { is_short && [[ $1 == debug* ]]; }

# boots_directly : in "make check" a kernel is unpacked here, and begun at its entry for virtual machines. The emulator
# takes a quarter of a boot's time to unpack one. "make check-all" boots as a boot loader does, to a random address.
boots_directly() { is_short; }

# row_boots ROW : a row that is only built needs headers and no kernel.
row_boots() { [ "$(row_field "$1" suites)" != build ]; }

# row_apt ROW COMMAND ARG... : apt-get or apt-cache, with the sources of that row.
row_apt() {
	local suite
	suite=$(row_suite "$1")
	shift
	${suite:+"$TOP/scripts/suite-apt" "$suite"} "$@"
}

# row_release ROW : the kernel release of a row of packages, whose name begins with its series. The metapackage
# says which one is current; in another Debian release it may name another series, then the newest of
# ours counts, or the oldest.
row_release() {
	local row=$1 series=${1#arm64-} meta pkg pick=(tail -n 1)
	series=${series%%-*}
	case $row in *-old) pick=(sed -n 1p) ;; esac
	meta=$(row_field "$row" kernel) || return 1
	meta=${meta#apt:}
	pkg=$(row_apt "$row" apt-cache depends "${meta##*/}" 2>/dev/null |
		awk '/Depends: linux-image-/ && !seen++ { print $2 }')
	case $pkg in
	linux-image-"$series".*) ;;
	*)
		pkg=$(row_apt "$row" apt-cache pkgnames "linux-headers-$series." |
			grep -E -- "[0-9](\\+deb[0-9]+)?-$(row_arch "$row")\$" | sort -V | "${pick[@]}") || true
		;;
	esac
	[ -n "$pkg" ] || return 1
	printf '%s\n' "${pkg#linux-*-}"
}

# The image must be of the build the headers are of: a module built against the headers of one
# upload is not loadable on another when the ABI name was kept.
apt_row_version() {
	local row=$1 release=$2 v=
	[ -n "$(row_suite "$row")" ] ||
		v=$(dpkg-query -W -f '${Version}' "linux-headers-$release" 2>/dev/null) || v=
	[ -n "$v" ] || v=$(row_apt "$row" apt-cache policy "linux-headers-$release" |
		awk '/Candidate:/ { print $2 }')
	printf '%s\n' "$v"
}

make_apt_row() {
	local row=$1 release=$2 version=$3 dir=$4 tmp=$4.tmp
	[ -e "$dir/done" ] && return
	rm -rf "$tmp" "$dir"
	mkdir -p "$tmp"
	if row_boots "$row"; then fetch_image "$row" "$release" "$version" "$tmp"; fi
	if [ -n "$(row_suite "$row")" ]; then make_build_root "$row" "$release" "$version" "$tmp"; fi
	touch "$tmp/done"
	mv "$tmp" "$dir"
}

# Since 7.x an image package is empty and depends on others that are named after the same release.
fetch_image() {
	local row=$1 release=$2 version=$3 dir=$4 lib boot packages deb
	say "fetching the kernel $release ($version)"
	mkdir -p "$dir/deb" "$dir/image"
	mapfile -t packages < <(
		echo "linux-image-$release"
		row_apt "$row" apt-cache depends "linux-image-$release" | awk -v end="-$release" '
			$1 == "Depends:" && substr($2, length($2) - length(end) + 1) == end { print $2 }')
	(
		cd "$dir/deb" || exit
		quietly "$dir/download.log" row_apt "$row" \
			apt-get -q -o APT::Sandbox::User=root download "${packages[@]/%/=$version}"
	)
	for deb in "$dir"/deb/*.deb; do dpkg -x "$deb" "$dir/image"; done
	lib=$dir/image/lib/modules boot=$dir/image/boot
	if [ -e "$boot/vmlinuz-$release" ]; then
		cp "$boot/vmlinuz-$release" "$dir/vmlinuz"
		cp "$boot/config-$release" "$dir/config"
	else
		lib=$dir/image/usr/lib/modules
		mv "$lib/$release"/{vmlinuz,config} "$dir/"
	fi
	pack_modules "$lib" "$release" "$dir"
	rm -rf "$dir/image" "$dir/deb"
}

# make_build_root ROW RELEASE VERSION DIR : headers of another Debian release come with programs
# that want its C library, and want its compiler. So modules are built in a tree of that release. Its
# packages are unpacked and not set up, which saves most of the time and of what would come along.
make_build_root() {
	local release=$2 version=$3 dir=$4 suite base mirror compiler sources
	suite=$(row_suite "$1")
	base=${suite%-backports}
	mirror=$(debian_mirror)
	# All is read: apt-cache fails if nobody takes the rest.
	compiler=$(row_apt "$1" apt-cache depends "linux-headers-$release" |
		awk 'match($0, /gcc-[0-9]+/) && !name { name = substr($0, RSTART, RLENGTH) }
			END { print name; exit !name }') ||
		die "linux-headers-$release names no compiler"
	sources=("deb $mirror $base main")
	[ "$suite" = "$base" ] || sources+=("deb $mirror $suite main")
	say "unpacking the compiler and the headers of $release ($version)"
	# Before trixie the links of the merged /usr are made by a package being set up.
	# shellcheck disable=SC2016 # for mmdebstrap
	quietly "$dir/mmdebstrap.log" mmdebstrap --mode=root --variant=extract \
		--include="$(IFS=,; echo "${BUILD_ROOT_PACKAGES[*]}"),$compiler,linux-headers-$release=$version" \
		--setup-hook='cd "$1"; for d in bin sbin lib lib64; do mkdir -p usr/$d; ln -s usr/$d; done' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--format=directory "$base" "$dir/root" "${sources[@]}"
	ln -s mawk "$dir/root/usr/bin/awk"
}

# pack_modules LIBMODULES RELEASE DIR : an image of /lib/modules for the guest, apart from it
# the few modules that the way to that image needs, and what a second-level guest needs.
pack_modules() {
	local lib=$1 release=$2 dir=$3
	rm -f "$lib/$release/build" "$lib/$release/source"
	quietly "$dir/depmod.log" depmod -b "${lib%/lib/modules}" "$release"
	pick_modules "$lib" "$release" "$dir/early/ext/early" \
		virtio_pci virtio_blk virtio_console crc32c_generic ext4 overlay
	pick_modules "$lib" "$release" "$dir/second" nvme
	make_image "$lib" "$dir/modules.img"
}

# pick_modules LIBMODULES RELEASE OUT NAME... : these and what they need, unpacked and numbered
# in the order of loading. What is built in needs nothing.
pick_modules() {
	local lib=$1 release=$2 out=$3 line file name n=0
	shift 3
	mkdir -p "$out"
	while read -r line; do
		case $line in insmod*) ;; *) continue ;; esac
		file=${line#insmod }
		file=${file%% *}
		n=$((n + 1))
		name=$out/$(printf '%02d' "$n")-$(basename "$file")
		case $file in
		*.xz) xz -dc "$file" >"${name%.xz}" ;;
		*.zst) zstd -qdc "$file" >"${name%.zst}" ;;
		*) cp "$file" "$name" ;;
		esac
	done < <(for name in "$@"; do
		modprobe -d "${lib%/lib/modules}" -S "$release" --show-depends "$name" 2>/dev/null || true
	done | awk '!seen[$0]++')
}

# make_image DIR FILE : a read-only ext4 of a directory. No journal: nobody writes.
make_image() {
	local kb
	kb=$(du -sk --apparent-size "$1" | cut -f1)
	mke2fs -q -q -F -t ext4 -O ^has_journal,^metadata_csum -m 0 -b 4096 -N 40000 \
		-d "$1" "$2" $((kb * 5 / 4 + 32768))k >/dev/null
}

# row_version ROW : sets ROW_RELEASE, and version. Asking apt takes a second or two: in one check (ROWS_KNOWN is a directory
# of it) a row is asked for once, and stays what it was.
row_version() {
	local known=${ROWS_KNOWN:-/nowhere}/$1
	if [ -s "$known" ]; then
		read -r ROW_RELEASE version <"$known"
		return
	fi
	ROW_RELEASE=$(row_release "$1") || die "apt knows no kernel for row $1 (run scripts/setup)"
	version=$(apt_row_version "$1" "$ROW_RELEASE")
	[ ! -d "${known%/*}" ] || printf '%s %s\n' "$ROW_RELEASE" "$version" >"$known"
}

# row_prepare ROW : sets ROW_NAME ROW_RELEASE ROW_KDIR ROW_DIR ROW_ROOT ROW_CROSS; ROW_DIR has vmlinuz,
# modules.img, early/ if the row boots; ROW_ROOT is where ROW_KDIR is, if not on this machine; ROW_CROSS is what
# the names of its compiler and so on begin with.
row_prepare() {
	local row=$1 source version
	source=$(row_field "$row" kernel) || die "no row '$row' in tests/matrix.txt"
	ROW_ROOT='' ROW_CROSS=
	case $source in
	apt:*)
		row_version "$row"
		ROW_DIR=$EXT_CACHE/rows/$row-$({
			echo "$ROW_RELEASE $version $source" "${BUILD_ROOT_PACKAGES[@]}"
			row_boots "$row" && echo boots
			declare -f make_apt_row fetch_image make_build_root pack_modules pick_modules \
				make_image
		} | short_hash)
		with_cache_lock "row-$row" make_apt_row "$row" "$ROW_RELEASE" "$version" "$ROW_DIR" ||
			die "cannot prepare the kernel of row $row"
		ROW_KDIR=/lib/modules/$ROW_RELEASE/build
		[ ! -d "$ROW_DIR/root" ] || ROW_ROOT=$ROW_DIR/root
		;;
	arm64:*) arm64_row_prepare "$row" ;;
	build:*)
		ROW_DIR=$("$TOP/tests/kconfig/build" "$row") ||
			die "cannot build the kernel of row $row"
		ROW_RELEASE=$(cat "$ROW_DIR/release")
		ROW_KDIR=$ROW_DIR/tree
		;;
	*)
		die "tests/matrix.txt: row $row: do not know '$source'"
		;;
	esac
	ROW_NAME=$row
	export ROW_NAME ROW_RELEASE ROW_KDIR ROW_DIR ROW_ROOT ROW_CROSS
}

# row_make ARG... : make for the prepared row, below the top of this tree: in the root that has the
# headers and the compiler of the row, where the tree is seen at the place it has here.
row_make() {
	if [ -z "$ROW_ROOT" ]; then
		make ${ROW_CROSS:+"CROSS_COMPILE=$ROW_CROSS"} "$@"
		return
	fi
	mkdir -p "$ROW_ROOT/$TOP"
	# shellcheck disable=SC2016 # for the inner one
	unshare --mount sh -euc 'root=$1 top=$2; shift 2
		mount --bind "$top" "$root/$top"
		mount --bind /proc "$root/proc"
		exec env -i PATH=/usr/sbin:/usr/bin V="${V:-}" chroot "$root" make "$@"' \
		row_make "$ROW_ROOT" "$TOP" "$@"
}

# build_modules : our two modules for the prepared row.
build_modules() {	# [test] : the shipped modules, or those of the test build
	local out=$BUILD/$ROW_RELEASE kept=$EXT_CACHE/probes/$ROW_NAME
	# What the kernel answers to the probes is kept, too. They come with a key, and are asked again if it differs.
	if [ -e "$kept/gen/key" ] && [ ! -e "$out/gen/key" ]; then
		mkdir -p "$out"
		cp -r "$kept/." "$out/"
	fi
	quietly "$BUILD/modules-$ROW_RELEASE${1:+-$1}.log" \
		row_make -C "$TOP" --no-print-directory KDIR="$ROW_KDIR" COEXIST=1 \
		IOMMUFD_EXT_TEST="${1:+1}" || return
	if [ -e "$out/gen/key" ] && ! cmp -s "$out/gen/key" "$kept/gen/key"; then
		with_cache_lock "probes-$ROW_NAME" keep_answers "$out" "$kept"
	fi
	row_has_tests "$ROW_NAME" || return 0
	build_test_modules "$ROW_RELEASE${1:+-$1}"
}

keep_answers() {	# FROM TO
	rm -rf "$2" "$2.tmp"
	mkdir -p "$2.tmp"
	cp -r "$1/gen" "$1/probe.log" "$2.tmp/"
	mv "$2.tmp" "$2"
}

# strip_modules DIR : DIR/stripped has the modules of DIR without what is for a debugger alone, which takes the emulator a
# second to load. A copy has the time of what it is made of: another build is another time, an older one, too.
strip_modules() {
	local from to
	mkdir -p "$1/stripped"
	for from in "$1"/{iommufd_ext,vfio_cdev_ext}.ko; do
		to=$1/stripped/${from##*/}
		if [ ! -e "$from" ]; then
			rm -f "$to"
		elif [ "$from" -nt "$to" ] || [ "$from" -ot "$to" ]; then
			"${ROW_CROSS:-}strip" --strip-debug -o "$to.new" "$from"
			touch -r "$from" "$to.new"
			mv "$to.new" "$to"
		fi
	done
}

# build_test_modules NAME : those of tests/module for the modules in build/NAME: with the answers these
# were built with, and what they export. Kbuild does not see when that has changed.
build_test_modules() {
	local gen=$BUILD/$1/gen symbols=$BUILD/$1/kbuild/Module.symvers out=$BUILD/test-modules-$1
	cat "$gen/key" "$symbols" | cmp -s - "$out/.key" || rm -rf "$out"
	mkdir -p "$out"
	cp -u "$TOP"/tests/module/* "$out/"
	cat "$gen/key" "$symbols" >"$out/.key"
	quietly "$out/build.log" row_make -C "$ROW_KDIR" "M=$out" "EXT_TOP=$TOP" "EXT_GEN=$gen" \
		"KBUILD_EXTRA_SYMBOLS=$symbols" \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules
}

# ---- user land ----------------------------------------------------------------------------

DEBIAN_SUITE=trixie
GUEST_PACKAGES=(bash coreutils util-linux mount kmod pciutils procps grep sed gawk less
	iproute2 strace libcmocka0 qemu-system-x86 seabios)

# debian_mirror : the URI the host's apt itself takes Debian from.
debian_mirror() {
	# shellcheck disable=SC2016 # the names are apt's
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" && $2 == "Debian" && !seen++ { print $3 }'
}

make_rootfs() {
	local dir=$1 tmp=$1.tmp mirror
	[ -e "$dir/done" ] && return
	mirror=$(debian_mirror)
	[ -n "$mirror" ] || die "apt has no Debian source (run apt-get update)"
	say "making the Debian $DEBIAN_SUITE user land from $mirror"
	rm -rf "$tmp" "$dir"
	mkdir -p "$tmp"
	quietly "$tmp/mmdebstrap.log" mmdebstrap --mode=root --variant=essential \
		--include="$(IFS=,; echo "${GUEST_PACKAGES[*]}")" \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--format=directory "$DEBIAN_SUITE" "$tmp/root" \
		"deb $mirror $DEBIAN_SUITE main"
	mkdir -p "$tmp/root/ext" "$tmp/root/usr/lib/modules"
	make_image "$tmp/root" "$tmp/root.img"
	rm -rf "$tmp/root"
	touch "$tmp/done"
	mv "$tmp" "$dir"
}

# rootfs_prepare : sets ROOT_IMG.
rootfs_prepare() {
	local dir
	dir=$EXT_CACHE/rootfs-$({
		declare -f make_rootfs make_image
		printf '%s\n' "$DEBIAN_SUITE" "${GUEST_PACKAGES[@]}"
	} | short_hash)
	with_cache_lock rootfs make_rootfs "$dir" || die "cannot make the user land"
	ROOT_IMG=$dir/root.img
	export ROOT_IMG
}

# unpack_qemu DIR : QEMU of the guest's user land, for this machine.
unpack_qemu() {
	local dir=$1 tmp=$1.tmp path
	[ -e "$dir/done" ] && return
	rm -rf "$tmp" "$dir"
	mkdir -p "$tmp/usr/bin"
	for path in usr/lib/x86_64-linux-gnu usr/share/qemu usr/share/seabios; do
		mkdir -p "$tmp/${path%/*}"
		quietly "$tmp/log" debugfs -R "rdump /$path $tmp/${path%/*}" "$ROOT_IMG"
	done
	quietly "$tmp/log" debugfs -R "dump -p /usr/bin/qemu-system-x86_64 $tmp/usr/bin/qemu-system-x86_64" \
		"$ROOT_IMG"
	touch "$tmp/done"
	mv "$tmp" "$dir"
}

# newer_qemu_prepare : sets NEWER_QEMU, the command that runs it. It gets the C library it was made for.
newer_qemu_prepare() {
	local dir=${ROOT_IMG%/*}
	dir=$EXT_CACHE/qemu-${dir##*/rootfs-}
	with_cache_lock qemu unpack_qemu "$dir" || die "cannot unpack the QEMU of the user land"
	# shellcheck disable=SC2034 # for tests/vm/run
	NEWER_QEMU=("$dir/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
		--library-path "$dir/usr/lib/x86_64-linux-gnu" "$dir/usr/bin/qemu-system-x86_64"
		-L "$dir/usr/share/qemu" -L "$dir/usr/share/seabios")
}

# row_module PATH DIR : a module of the prepared row, below drivers/, unpacked.
row_module() {
	local file=/$ROW_RELEASE/kernel/drivers/$1.ko out=$2/${1##*/}.ko
	quietly "$2/log" debugfs -R "dump $file $out" "$ROW_DIR/modules.img"
	[ ! -s "$out" ] || return 0
	quietly "$2/log" debugfs -R "dump $file.xz $out.xz" "$ROW_DIR/modules.img"
	xz -df "$out.xz"
}

# unpack_kernel DIR : DIR/vmlinux of DIR/vmlinuz, empty if that cannot be begun by itself. Where it is packed is in the header
# for boot loaders (setup_sects, payload_offset, payload_length); the last four bytes are its size.
unpack_kernel() {
	local image=$1/vmlinuz out=$1/vmlinux start length packed
	[ ! -e "$out" ] || return 0
	number() { od -An -v -j "$(($1))" -N "$2" -t "u$2" "$image" | tr -d ' '; }
	start=$((512 * ($(number 0x1f1 1) + 1) + $(number 0x248 4)))
	length=$(($(number 0x24c 4) - 4))
	packed=$(od -An -v -j "$start" -N 4 -t x1 "$image" | tr -d ' ')
	dd if="$image" iflag=skip_bytes,count_bytes skip="$start" count="$length" bs=1M status=none | case $packed in
	fd377a58) xz -dc ;;
	28b52ffd) zstd -dc ;;
	02214c18) lz4 -dc ;;
	*) cat >/dev/null ;;
	esac >"$out.new"
	# The note Xen 18 has the entry.
	readelf -n "$out.new" 2>/dev/null | grep '(0x00000012)' >/dev/null || : >"$out.new"
	mv "$out.new" "$out"
}

# make_second DIR [MODULE]... : the second-level guest of the prepared row, kernel and initramfs, into DIR,
# with more modules. SECOND_BUSYBOX is what it runs, if not this machine's.
make_second() {
	local dir=$1 tree a
	shift
	tree=$(mktemp -d "$dir/tree.XXXXXX")
	mkdir -p "$tree"/{bin,dev,proc,sys,modules}
	cp "${SECOND_BUSYBOX:-/bin/busybox}" "$tree/bin/busybox"
	for a in sh mount sleep cat sha256sum dd awk poweroff insmod ip ping; do
		ln -s busybox "$tree/bin/$a"
	done
	cp "$TOP/tests/clients/second-init" "$tree/init"
	find "$ROW_DIR/second" -name '*.ko' -exec cp -t "$tree/modules" {} +
	for a in "$@"; do row_module "$a" "$tree/modules"; done
	rm -f "$tree/modules/log"
	pack_cpio "$tree" >"$dir/second.cpio"
	rm -rf "$tree"
	cp "$ROW_DIR/vmlinuz" "$dir/"
}

# static_program SOURCE OUT [FLAG]... : for the programs that run before there is a C library.
static_program() {
	local source=$1 out=$2
	shift 2
	[ "$out" -nt "$source" ] && return
	"${ROW_CROSS:-}gcc" -static -O2 -Wall -Wextra -Werror "$@" -o "$out.$$" "$source"
	mv "$out.$$" "$out"
}

# pack_cpio DIR : the tree as an initramfs piece on stdout.
pack_cpio() {
	(cd "$1" && find . | cpio --quiet -o -H newc -R 0:0)
}

# shellcheck source=tests/vm/arm64.sh
. "$VM/arm64.sh"

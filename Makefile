# SPDX-License-Identifier: GPL-2.0-only
#
# Builds both modules for one kernel into build/<release>/ and leaves the source tree as it is.
# Which kernel: KDIR=<build tree>, else KVER=<release> of installed headers, else the running kernel,
# else (a container, a machine with a vendor kernel) the oldest release that has headers here.

MAKEFLAGS += --no-builtin-rules

# Scripts are named to the shell: a source tree may have lost their x bits, or be mounted noexec.
SHELL := /bin/bash

top := $(CURDIR)
ifneq ($(words $(top)),1)
$(error kbuild cannot build below a path with spaces: $(top))
endif

ifneq ($(KDIR),)
kdir := $(abspath $(KDIR))
else
ifeq ($(KVER),)
KVER := $(shell bash $(top)/scripts/probe --default-release)
endif
kdir := /lib/modules/$(KVER)/build
endif

# The release the modules will be loaded into, as "uname -r" prints it: Debian 6.1 has another string
# in include/config/kernel.release.
RELEASE := $(or $(shell sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' \
	$(kdir)/include/generated/utsrelease.h 2>/dev/null),$(KVER),unknown)
# The test build, with the commands of the kernel's iommufd selftest, is kept apart and never installed.
OUT ?= build/$(RELEASE)$(if $(filter 1,$(IOMMUFD_EXT_TEST)),-test)
out := $(abspath $(OUT))

# DKMS has a directory of its own, beside this one.
INSTALL_MOD_PATH ?=
INSTALL_MOD_DIR ?= updates/iommufd-ext
modroot = $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)
moddir = $(modroot)/$(INSTALL_MOD_DIR)
modules := iommufd_ext.ko vfio_cdev_ext.ko

# Whose files are in layers: what "make layers" looks at.
LAYERS ?= iommufd_ext vfio_cdev_ext

# The modules and all packages have the version of dkms.conf.
version := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' $(top)/dkms.conf)

ifneq ($(V),1)
Q := @
endif

# A plain "make" uses all CPUs; under "make -jN" the job server of that make decides.
jobs = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# The BTF of a module is made with pahole from the vmlinux of the exact build. Header packages have
# no usable vmlinux, machines have no pahole, and nothing here needs BTF.
kbuild = $(MAKE) $(jobs) -C $(kdir) M=$(out)/kbuild CONFIG_DEBUG_INFO_BTF_MODULES= \
	IOMMUFD_EXT_TEST=$(IOMMUFD_EXT_TEST) IOMMUFD_EXT_VERSION=$(version)

.PHONY: all modules probe sources install uninstall clean distclean cacheclean help demo check check-all clients programs kselftest conformance differential mutants bench lint layers matrix abi deb rpm repo packages-test release

# Whoever has an iommufd needs no second one, and vfio_cdev_ext is not safe beside it.
all:
	$(if $(COEXIST),,$(Q)! grep -qs '^CONFIG_IOMMUFD=' $(kdir)/include/config/auto.conf || { \
		echo "error: kernel $(RELEASE) has an iommufd of its own: use that (COEXIST=1 builds all the same)" >&2; \
		exit 1; })
	@mkdir -p $(out)
	+$(Q)flock $(out)/.ext-build $(MAKE) --no-print-directory modules OUT=$(out)

# One recipe per step, all under the lock of this release: two builds of one release wait for each
# other, builds of different releases share nothing.
probe:
	@mkdir -p $(out)
	+$(Q)bash $(top)/scripts/probe --kdir $(kdir) --release $(RELEASE) --out $(out) \
		--like $(top)/build/$(RELEASE) $(jobs)

# Kbuild writes objects beside the sources it is given, so it gets a tree of links. Objects of other
# answers, or of another kernel of the same release, are no use: they go when the key changes.
sources: probe
	$(Q)cmp -s $(out)/gen/key $(out)/kbuild/.key || rm -rf $(out)/kbuild
	$(Q)mkdir -p $(out)/kbuild
	$(Q)cp -asf $(top)/src/. $(out)/kbuild/
	$(Q)ln -sfn $(top)/include $(out)/kbuild/include
	$(Q)ln -sfn $(out)/gen $(out)/kbuild/gen
	$(Q)cp $(out)/gen/key $(out)/kbuild/.key
	$(Q)find $(out)/kbuild -xtype l -delete

modules: sources
	+$(Q)$(kbuild) modules
	$(Q)set -e; for m in $(modules); do \
		cmp -s $(out)/kbuild/$$m $(out)/$$m || cp $(out)/kbuild/$$m $(out)/$$m; \
		echo "  $(OUT:$(top)/%=%)/$$m"; done

# Of two modules of one name modprobe takes one, and which is not for us to say.
install: all
	$(if $(filter 1,$(IOMMUFD_EXT_TEST)),$(error the test build is not for installation))
	$(Q)for m in $(modules:%=$(modroot)/updates/dkms/%); do \
		for f in $$m $$m.xz $$m.zst $$m.gz; do [ ! -e $$f ] || { \
		echo "error: $$f is there, of DKMS (dkms remove iommufd-ext/VERSION -k $(RELEASE)) or of an earlier make install (rm)" >&2; \
		exit 1; }; done; done
	$(Q)set -e; for m in $(modules); do install -v -D -m 0644 $(out)/$$m $(moddir)/$$m; \
		$(CROSS_COMPILE)strip --strip-debug $(moddir)/$$m; done
	$(Q)depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(RELEASE)

uninstall:
	$(Q)rm -f $(modules:%=$(moddir)/%)
	$(Q)depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(RELEASE)

# build/ also holds what tests said: clean takes only what "all" made.
clean:
	$(Q)for d in $(top)/build/* $(out); do [ ! -e $$d/.ext-build ] || rm -rf $$d; done

distclean:
	$(Q)rm -rf $(top)/build

# Downloads and test kernels, which are dear and serve every clone on this machine.
cacheclean:
	$(Q)rm -rf $${EXT_CACHE:-$${XDG_CACHE_HOME:-~/.cache}/iommufd-ext}

check:
	+$(Q)bash $(top)/tests/check

check-all:
	+$(Q)bash $(top)/tests/check --all

demo:
	+$(Q)bash $(top)/tests/clients/demo/run

clients programs:
	+$(Q)bash $(top)/tests/clients/run

bench:
	+$(Q)bash $(top)/bench/run

kselftest conformance:
	+$(Q)bash $(top)/tests/kselftest/run

differential:
	+$(Q)bash $(top)/tests/differential/run

mutants:
	+$(Q)bash $(top)/tests/mutants/run $(MUTANTS)

lint:
	+$(Q)bash $(top)/scripts/lint

matrix:
	$(Q)bash $(top)/scripts/matrix

layers: all
	$(Q)perl $(top)/scripts/layers $(out)/kbuild $(LAYERS)

release:
	$(Q)bash $(top)/scripts/release

abi:
	$(Q)bash $(top)/tests/abi/run

deb rpm repo:
	$(Q)bash $(top)/scripts/setup packages
	$(Q)bash $(top)/scripts/packages $@

packages-test:
	$(Q)bash $(top)/tests/packages/run

help:
	@echo 'make                   build both modules for $(RELEASE) into $(OUT)/'
	@echo 'make KVER=<release>    the same for other installed headers'
	@echo 'make KDIR=<dir>        the same for a configured and built kernel tree'
	@echo 'make IOMMUFD_EXT_TEST=1   the test build for that selftest, beside the other one; never install it'
	@echo 'make install           build, then install below $(moddir) and run depmod'
	@echo '                       (INSTALL_MOD_PATH=<root> for another root directory)'
	@echo 'make COEXIST=1  build for a kernel that has an iommufd of its own, for tests of the two'
	@echo 'make uninstall         remove them again'
	@echo 'make demo              set up a virtual machine and run the main job in it'
	@echo 'make check             tests on every kernel, chosen to fit 50 minutes (ROW= and TESTS= narrow it)'
	@echo 'make check-all         all of them; what has passed on this commit is not run again (ROW=, TESTS=)'
	@echo 'make bench              measure against type1 and iommufd (ROW=, BENCH=; see bench/README.md)'
	@echo 'make kselftest         the kernel'"'"'s own iommufd selftest against a test build (ROW= narrows it)'
	@echo 'make differential      the same calls through the kernel'"'"'s own iommufd and ours (ROW=bench, bench-7.2; SEED=, CALLS=)'
	@echo 'make clients           QEMU, libvirt, DPDK, libvfn, VFIO selftests through the modules (ROW=, PROGRAMS=)'
	@echo 'make mutants           apply faults one by one, and see whether the tests find each (MUTANTS=<names>)'
	@echo 'make lint              static checks of everything'
	@echo 'make matrix            what is known of each kernel, from the results that are kept (TREE=<commit>)'
	@echo 'make layers            print which file uses which, and fail if they do in a circle (LAYERS=<modules>)'
	@echo 'make abi               compare our uAPI headers with the newest kernel headers'
	@echo 'make deb, make rpm     packages in build/packages/; make repo: a repository of both in build/repo/'
	@echo 'make packages-test     install, use, upgrade and remove the packages in virtual machines (SUITE=)'
	@echo 'make release           is this tree fit to be released, and its sources as a file'
	@echo 'make clean             remove built modules; distclean: all of build/'
	@echo 'make cacheclean        remove downloads and test kernels, which are kept in $$EXT_CACHE for all clones'
	@echo 'V=1 shows the commands, W=1 and C=2 are passed to kbuild'

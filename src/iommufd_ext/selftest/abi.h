/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctl of the kernel's iommufd selftest.
 *
 * Number, layout and values are those that tools/testing/selftests/iommu passes,
 * the names are ours. It exists in the test build alone and is no part of the
 * interface for programs.
 */
#ifndef _IOMMUFD_EXT_SELFTEST_ABI_H
#define _IOMMUFD_EXT_SELFTEST_ABI_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/types.h>

#include <uapi/linux/ioasid.h>

#define IOASID_SELFTEST _IO(IOASID_TYPE, IOASID_CMD_BASE + 32)

enum selftest_op {
	SELFTEST_ADD_RESERVED = 1,
	SELFTEST_MOCK_DOMAIN,
	SELFTEST_CHECK_MAP,
	SELFTEST_CHECK_REFS,
	SELFTEST_CREATE_ACCESS,
	SELFTEST_DESTROY_ACCESS_PAGES,
	SELFTEST_ACCESS_PAGES,
	SELFTEST_ACCESS_RW,
	SELFTEST_SET_MEMORY_LIMIT,
	SELFTEST_MOCK_DOMAIN_REPLACE,
	SELFTEST_ACCESS_REPLACE_IOAS,
	SELFTEST_MOCK_DOMAIN_FLAGS,
	SELFTEST_DIRTY,
	SELFTEST_CHECK_IOTLB,
	SELFTEST_TRIGGER_IOPF,
	SELFTEST_CHECK_DEV_CACHE,
	SELFTEST_TRIGGER_VEVENT,
	SELFTEST_PASID_ATTACH,
	SELFTEST_PASID_REPLACE,
	SELFTEST_PASID_DETACH,
	SELFTEST_PASID_CHECK_HWPT,
	SELFTEST_DMABUF_GET,
	SELFTEST_DMABUF_REVOKE,
};

/* The mock's page table: one format with small pages, one for large ones. */
#define MOCK_PAGE_SIZE 2048UL
#define MOCK_HUGE_PAGE_SIZE (512 * MOCK_PAGE_SIZE)
#define MOCK_APERTURE_START BIT(24)
#define MOCK_APERTURE_LAST (BIT(31) - 1)

enum mock_page_table {
	MOCK_PAGE_TABLE_DEFAULT,
	MOCK_PAGE_TABLE_HUGE,
};

#define MOCK_DEVICE_NO_DIRTY BIT(0)
#define MOCK_DEVICE_PASID BIT(2)
/* Not the selftest's: all of these are in one group. */
#define MOCK_DEVICE_SHARED BIT(31)
#define MOCK_PASID_BITS 20
#define MOCK_PASID_FAILS 1024

#define SELFTEST_ACCESS_WRITE BIT(0)
#define SELFTEST_ACCESS_RW_SLOW BIT(2)
#define SELFTEST_ACCESS_NEEDS_PIN BIT(0)

#define MOCK_DEV_CACHES 4
#define MOCK_DEV_CACHE_DEFAULT 0xbaddad

#define MOCK_NESTED_IOTLBS 4

#define MOCK_HW_INFO_TYPE 0xfeedbeef
#define MOCK_HW_INFO_REGISTER 0xdeadbeef

/**
 * struct mock_hw_info - what GET_HW_INFO gives of the mock
 * @flags: 0
 * @test_reg: MOCK_HW_INFO_REGISTER
 */
struct mock_hw_info {
	__u32 flags;
	__u32 test_reg;
};

#define MOCK_HWPT_DATA 0xdead

/**
 * struct mock_hwpt_data - driver data of HWPT_ALLOC
 * @iotlb: what each entry of the cache of a nested domain begins with
 * @page_table: enum mock_page_table
 */
struct mock_hwpt_data {
	__u32 iotlb;
	__u32 page_table;
};

#define MOCK_INVALIDATE_DATA 0xdeadbeef
#define MOCK_INVALIDATE_ALL BIT(0)

/**
 * struct mock_invalidate - an entry of HWPT_INVALIDATE
 * @flags: MOCK_INVALIDATE_ALL for the whole cache
 * @iotlb_id: which entry of it
 */
struct mock_invalidate {
	__u32 flags;
	__u32 iotlb_id;
};

/**
 * struct selftest_cmd - IOASID_SELFTEST
 * @size: sizeof(struct selftest_cmd)
 * @op: enum selftest_op
 * @id: what the command is about: an object, or the file descriptor of an
 * access
 * @__reserved: ignored
 * @add_reserved: for the commands of that name
 * @add_reserved.start: first IOVA
 * @add_reserved.length: in bytes
 * @mock_domain: for the commands of that name
 * @mock_domain.out_stdev_id: id of the mock device
 * @mock_domain.out_hwpt_id: id of its page table
 * @mock_domain.out_idev_id: id of the bound device
 * @mock_domain.dev_flags: MOCK_DEVICE_*; MOCK_DOMAIN leaves it out
 * @replace: for the commands of that name
 * @replace.pt_id: id of an IOAS or page table
 * @check_map: for the commands of that name
 * @check_map.iova: first IOVA
 * @check_map.length: in bytes
 * @check_map.uptr: user address
 * @check_refs: for the commands of that name
 * @check_refs.length: in bytes
 * @check_refs.uptr: user address
 * @check_refs.refs: how often each page is pinned
 * @create_access: for the commands of that name
 * @create_access.out_access_fd: file descriptor of the access
 * @create_access.flags: SELFTEST_*
 * @destroy_access_pages: for the commands of that name
 * @destroy_access_pages.access_pages_id: which pin
 * @access_pages: for the commands of that name
 * @access_pages.flags: SELFTEST_*
 * @access_pages.out_access_pages_id: name of the pin
 * @access_pages.iova: first IOVA
 * @access_pages.length: in bytes
 * @access_pages.uptr: user address
 * @access_rw: for the commands of that name
 * @access_rw.iova: first IOVA
 * @access_rw.length: in bytes
 * @access_rw.uptr: user address
 * @access_rw.flags: SELFTEST_*
 * @memory_limit: for the commands of that name
 * @memory_limit.limit: in bytes
 * @access_replace_ioas: for the commands of that name
 * @access_replace_ioas.ioas_id: id of the IOAS
 * @dirty: for the commands of that name
 * @dirty.flags: SELFTEST_*
 * @dirty.iova: first IOVA
 * @dirty.length: in bytes
 * @dirty.page_size: what a bit of the bitmap stands for, in bytes
 * @dirty.uptr: user address
 * @dirty.out_nr_dirty: how many bits were set
 * @check_iotlb: for the commands of that name
 * @check_iotlb.id: which entry
 * @check_iotlb.iotlb: what it is to be
 * @trigger_iopf: for the commands of that name
 * @trigger_iopf.dev_id: id of the bound device
 * @trigger_iopf.pasid: the PASID
 * @trigger_iopf.grpid: number of the page request group
 * @trigger_iopf.perm: what access it is about
 * @trigger_iopf.addr: which address
 * @check_dev_cache: for the commands of that name
 * @check_dev_cache.id: which entry
 * @check_dev_cache.cache: what it is to be
 * @pasid: for the commands of that name
 * @pasid.pasid: the PASID
 * @pasid.pt_id: id of an IOAS or page table
 * @dmabuf_get: for the commands of that name
 * @dmabuf_get.length: in bytes
 * @dmabuf_get.open_flags: of the file descriptor
 * @dmabuf_revoke: for the commands of that name
 * @dmabuf_revoke.dmabuf_fd: file descriptor of the dma-buf
 * @dmabuf_revoke.revoked: whether its memory is out of reach
 * @last: ignored, the end of the first version
 */
struct selftest_cmd {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 __reserved;
	union {
		struct {
			__aligned_u64 start;
			__aligned_u64 length;
		} add_reserved;
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
			__u32 dev_flags;
		} mock_domain;
		struct {
			__u32 pt_id;
		} replace;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} check_map;
		struct {
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 refs;
		} check_refs;
		struct {
			__u32 out_access_fd;
			__u32 flags;
		} create_access;
		struct {
			__u32 access_pages_id;
		} destroy_access_pages;
		struct {
			__u32 flags;
			__u32 out_access_pages_id;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} access_pages;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 flags;
		} access_rw;
		struct {
			__u32 limit;
		} memory_limit;
		struct {
			__u32 ioas_id;
		} access_replace_ioas;
		struct {
			__u32 flags;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 page_size;
			__aligned_u64 uptr;
			__aligned_u64 out_nr_dirty;
		} dirty;
		struct {
			__u32 id;
			__u32 iotlb;
		} check_iotlb;
		struct {
			__u32 dev_id;
			__u32 pasid;
			__u32 grpid;
			__u32 perm;
			__u64 addr;
		} trigger_iopf;
		struct {
			__u32 id;
			__u32 cache;
		} check_dev_cache;
		struct {
			__u32 pasid;
			__u32 pt_id;
		} pasid;
		struct {
			__u32 length;
			__u32 open_flags;
		} dmabuf_get;
		struct {
			__s32 dmabuf_fd;
			__u32 revoked;
		} dmabuf_revoke;
	};
	__u32 last;
};

static_assert(sizeof(struct selftest_cmd) == 72);
static_assert(offsetof(struct selftest_cmd, last) == 64);

#endif

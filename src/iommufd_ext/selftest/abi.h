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
 * @last: ignored, the end of the first version
 */
struct selftest_cmd {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 __reserved;
	/* private: by the name of the operation; IOVAs, lengths and limits are in bytes */
	union {
		struct {
			__aligned_u64 start;
			__aligned_u64 length;
		} add_reserved;
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
			__u32 dev_flags; /* MOCK_DEVICE_*; MOCK_DOMAIN leaves it out */
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
			__u32 refs; /* how often each page is pinned */
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
			__aligned_u64 page_size; /* what a bit of the bitmap is */
			__aligned_u64 uptr;
			__aligned_u64 out_nr_dirty; /* bits that were set */
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
			__u32 revoked; /* whether its memory is out of reach */
		} dmabuf_revoke;
	};
	/* public: */
	__u32 last;
};

static_assert(sizeof(struct selftest_cmd) == 72);
static_assert(offsetof(struct selftest_cmd, last) == 64);

#endif

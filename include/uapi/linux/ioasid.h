/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The user interface of /dev/ioasid.
 *
 * Every number, layout and flag below is that of the mainline kernel's iommufd
 * (<linux/iommufd.h>): a program built for /dev/iommu runs unchanged on
 * /dev/ioasid. The names are ours, so that both headers can be included in one
 * file and compared.
 */
#ifndef _UAPI_LINUX_IOASID_H
#define _UAPI_LINUX_IOASID_H

#include <linux/types.h>
#include <linux/ioctl.h>

#define IOASID_TYPE (';')

/**
 * DOC: General ioctl format
 *
 * Each command passes one structure, whose first member @size holds the size
 * the program was built with. That lets both sides grow:
 *
 *  - a structure shorter than the kernel's is completed with zeros, and a
 *    missing member means the behaviour from before it existed;
 *  - a structure longer than the kernel's is accepted if what the kernel does
 *    not know is zero.
 *
 * Errors that every command can give:
 *
 *  - ENOTTY: the command number is unknown.
 *  - EINVAL: @size is smaller than the first version of the structure, or a
 *    value or combination is not understood.
 *  - E2BIG: @size is larger than the kernel's structure and the tail is not
 *    zero.
 *  - EFAULT: a user pointer is bad.
 *  - EOPNOTSUPP: a flag or reserved member is set that this kernel does not
 *    support.
 *  - ENOENT: an id or an IOVA does not exist.
 *  - ENOMEM: no memory, or RLIMIT_MEMLOCK would be exceeded.
 *  - EOVERFLOW: a sum does not fit its type.
 */
enum {
	IOASID_CMD_BASE = 0x80,
	IOASID_CMD_DESTROY = IOASID_CMD_BASE,
	IOASID_CMD_IOAS_ALLOC = 0x81,
	IOASID_CMD_IOAS_ALLOW_IOVAS = 0x82,
	IOASID_CMD_IOAS_COPY = 0x83,
	IOASID_CMD_IOAS_IOVA_RANGES = 0x84,
	IOASID_CMD_IOAS_MAP = 0x85,
	IOASID_CMD_IOAS_UNMAP = 0x86,
	IOASID_CMD_OPTION = 0x87,
	IOASID_CMD_VFIO_IOAS = 0x88,
	IOASID_CMD_HWPT_ALLOC = 0x89,
	IOASID_CMD_GET_HW_INFO = 0x8a,
	IOASID_CMD_HWPT_SET_DIRTY_TRACKING = 0x8b,
	IOASID_CMD_HWPT_GET_DIRTY_BITMAP = 0x8c,
	IOASID_CMD_HWPT_INVALIDATE = 0x8d,
	IOASID_CMD_FAULT_QUEUE_ALLOC = 0x8e,
	IOASID_CMD_IOAS_MAP_FILE = 0x8f,
	IOASID_CMD_VIOMMU_ALLOC = 0x90,
	IOASID_CMD_VDEVICE_ALLOC = 0x91,
	IOASID_CMD_IOAS_CHANGE_PROCESS = 0x92,
	IOASID_CMD_VEVENTQ_ALLOC = 0x93,
	IOASID_CMD_HW_QUEUE_ALLOC = 0x94,
	/* From here on mainline has nothing like it. */
	IOASID_CMD_GET_ERROR = 0xc0,
	IOASID_CMD_LIST = 0xc1,
	IOASID_CMD_LIST_MAPPINGS = 0xc2,
	IOASID_CMD_GROUP_INFO = 0xc3,
	IOASID_CMD_FEATURES = 0xc4,
	IOASID_CMD_IOAS_UNMAP_PARTIAL = 0xc5,
};

/**
 * struct ioasid_destroy - ioctl(IOASID_DESTROY)
 * @size: sizeof(struct ioasid_destroy)
 * @id: any object made by an ioctl of this file descriptor
 *
 * Drop an object. A device is not made by an ioctl of this file: it goes when
 * its VFIO file is closed.
 *
 * Errors: ENOENT for an unknown id; EBUSY while another object or a driver
 * uses it (an IOAS with a page table, a page table with an attached device,
 * any device). Other calls that are at work on it are waited for, up to a minute.
 */
struct ioasid_destroy {
	__u32 size;
	__u32 id;
};

#define IOASID_DESTROY _IO(IOASID_TYPE, IOASID_CMD_DESTROY)

/**
 * struct ioasid_ioas_alloc - ioctl(IOASID_IOAS_ALLOC)
 * @size: sizeof(struct ioasid_ioas_alloc)
 * @flags: must be 0
 * @out_ioas_id: id of the new, empty I/O address space
 *
 * An IOAS holds the translation from IOVA to user memory. Page tables of any
 * number of IOMMUs can follow one IOAS; each always holds the whole of it.
 */
struct ioasid_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};

#define IOASID_IOAS_ALLOC _IO(IOASID_TYPE, IOASID_CMD_IOAS_ALLOC)

/**
 * struct ioasid_iova_range - one range of I/O virtual addresses
 * @start: first IOVA, in bytes
 * @last: last IOVA, in bytes, inclusive
 */
struct ioasid_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/**
 * struct ioasid_ioas_iova_ranges - ioctl(IOASID_IOAS_IOVA_RANGES)
 * @size: sizeof(struct ioasid_ioas_iova_ranges)
 * @ioas_id: the IOAS to ask
 * @num_iovas: in: room in the array, in entries; out: entries there are
 * @__reserved: must be 0
 * @allowed_iovas: pointer to an array of struct ioasid_iova_range
 * @out_iova_alignment: least alignment of an IOVA and of a length, in bytes
 *
 * List the IOVAs that can be mapped. The answer shrinks when a device or page
 * table joins the IOAS, for what its IOMMU cannot translate or keeps for
 * itself.
 *
 * Errors: EMSGSIZE if the array is too small: @num_iovas then holds the number
 * needed and the array is filled as far as it goes.
 */
struct ioasid_ioas_iova_ranges {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
	__aligned_u64 out_iova_alignment;
};

#define IOASID_IOAS_IOVA_RANGES _IO(IOASID_TYPE, IOASID_CMD_IOAS_IOVA_RANGES)

/**
 * struct ioasid_ioas_allow_iovas - ioctl(IOASID_IOAS_ALLOW_IOVAS)
 * @size: sizeof(struct ioasid_ioas_allow_iovas)
 * @ioas_id: the IOAS to change
 * @num_iovas: entries in the array; 0 allows everything again
 * @__reserved: must be 0
 * @allowed_iovas: pointer to an array of struct ioasid_iova_range
 *
 * Promise ranges of IOVAs to the program: no device or page table that reserves
 * any of them can join the IOAS any more. An IOVA the kernel chooses is in them;
 * a fixed IOVA need not be. A new list replaces the old one as a whole.
 *
 * Errors: EINVAL if a range is empty or overlaps another; EADDRINUSE if one is
 * reserved already.
 */
struct ioasid_ioas_allow_iovas {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
};

#define IOASID_IOAS_ALLOW_IOVAS _IO(IOASID_TYPE, IOASID_CMD_IOAS_ALLOW_IOVAS)

/**
 * enum ioasid_ioas_map_flags - flags of struct ioasid_ioas_map
 * @IOASID_IOAS_MAP_FIXED_IOVA: map at @iova; without it the kernel chooses
 * @IOASID_IOAS_MAP_WRITEABLE: the device may write
 * @IOASID_IOAS_MAP_READABLE: the device may read
 */
enum ioasid_ioas_map_flags {
	IOASID_IOAS_MAP_FIXED_IOVA = 1 << 0,
	IOASID_IOAS_MAP_WRITEABLE = 1 << 1,
	IOASID_IOAS_MAP_READABLE = 1 << 2,
};

/**
 * struct ioasid_ioas_map - ioctl(IOASID_IOAS_MAP)
 * @size: sizeof(struct ioasid_ioas_map)
 * @flags: enum ioasid_ioas_map_flags; at least one of READABLE and WRITEABLE
 * @ioas_id: the IOAS to map into
 * @__reserved: must be 0
 * @user_va: start of the memory, in bytes
 * @length: size of the memory, in bytes
 * @iova: in, with FIXED_IOVA: where to map; out: where it was mapped
 *
 * Give devices of the IOAS access to memory of the calling process. The memory
 * is pinned, and charged to RLIMIT_MEMLOCK, while a page table follows the
 * IOAS, and stays the memory it was at the time of pinning, whatever the
 * process does to its address space later.
 *
 * Errors: EINVAL for a zero or misaligned length or IOVA, for no access flag,
 * and for a fixed IOVA in a reserved range; EEXIST for an occupied fixed IOVA;
 * ENOSPC if no range is free; EFAULT for memory that cannot be pinned, device
 * memory (a BAR) among it; EOPNOTSUPP for memory that cannot be pinned for long, as
 * that of a file in a DAX file system; ENOMEM over RLIMIT_MEMLOCK, and for memory in a
 * movable zone or in CMA that the kernel cannot move to where it may be pinned.
 */
struct ioasid_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};

#define IOASID_IOAS_MAP _IO(IOASID_TYPE, IOASID_CMD_IOAS_MAP)

/**
 * struct ioasid_ioas_map_file - ioctl(IOASID_IOAS_MAP_FILE)
 * @size: sizeof(struct ioasid_ioas_map_file)
 * @flags: as for struct ioasid_ioas_map
 * @ioas_id: the IOAS to map into
 * @fd: a memfd, also of huge pages, or a dma-buf of a driver that has told iommufd_ext
 * @start: where the memory begins in the file, in bytes
 * @length: size of the memory, in bytes
 * @iova: as for struct ioasid_ioas_map
 *
 * Like IOASID_IOAS_MAP, of memory that is named by file and offset. The process
 * need not have it mapped, and the mapping does not depend on the process.
 *
 * Errors: EBADF for a bad fd; EINVAL for a file of another kind or too short;
 * EACCES for a file descriptor that is not open for reading, or not for writing and
 * IOASID_IOAS_MAP_WRITEABLE, but for dma-bufs; EPERM to write to a file that is sealed;
 * EOPNOTSUPP for a dma-buf of another driver, ENODEV for one that is revoked; otherwise
 * as IOASID_IOAS_MAP.
 */
struct ioasid_ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
};

#define IOASID_IOAS_MAP_FILE _IO(IOASID_TYPE, IOASID_CMD_IOAS_MAP_FILE)

/**
 * struct ioasid_ioas_copy - ioctl(IOASID_IOAS_COPY)
 * @size: sizeof(struct ioasid_ioas_copy)
 * @flags: as for struct ioasid_ioas_map
 * @dst_ioas_id: the IOAS to map into
 * @src_ioas_id: the IOAS to take the memory from; may be the same
 * @length: size of the memory, in bytes
 * @dst_iova: as @iova of struct ioasid_ioas_map
 * @src_iova: where the memory is in the source
 *
 * Map memory that is mapped already. Both mappings share it: it is pinned and
 * charged once, as a whole, until the last of them is gone. The range may begin
 * and end inside mappings of the source, and span several.
 *
 * Errors: ENOENT if an IOVA of the source range is not mapped; EPERM to write to
 * memory that was mapped for reading only; otherwise as IOASID_IOAS_MAP.
 */
struct ioasid_ioas_copy {
	__u32 size;
	__u32 flags;
	__u32 dst_ioas_id;
	__u32 src_ioas_id;
	__aligned_u64 length;
	__aligned_u64 dst_iova;
	__aligned_u64 src_iova;
};

#define IOASID_IOAS_COPY _IO(IOASID_TYPE, IOASID_CMD_IOAS_COPY)

/**
 * struct ioasid_ioas_unmap - ioctl(IOASID_IOAS_UNMAP)
 * @size: sizeof(struct ioasid_ioas_unmap)
 * @ioas_id: the IOAS to unmap from
 * @iova: start of the range, in bytes
 * @length: in: size of the range, in bytes; out: bytes that were mapped
 *
 * Remove every mapping of the range. A mapping can only be removed whole.
 * @iova 0 with @length U64_MAX removes everything, and is no error if there is
 * nothing.
 *
 * Errors: EINVAL for zero length; ENOENT if the range cuts a mapping or holds
 * none; EBUSY if a mapping in it is still being made; EDEADLOCK if a driver of an
 * emulated device does not let go of one. EIO if all is removed, but the IOMMU driver
 * did not unmap all of it: see IOASID_MAPPING_KEPT.
 */
struct ioasid_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#define IOASID_IOAS_UNMAP _IO(IOASID_TYPE, IOASID_CMD_IOAS_UNMAP)

/**
 * enum ioasid_option - options of struct ioasid_option_cmd
 * @IOASID_OPTION_RLIMIT_MODE: how pinned memory is charged. 0, the default:
 *	against RLIMIT_MEMLOCK for all processes of the user together; 1: against
 *	the process's own locked memory, like mlock(). Setting needs
 *	CAP_SYS_RESOURCE and a file without objects. object_id must be 0.
 * @IOASID_OPTION_HUGE_PAGES: object_id is an IOAS. 1, the default: contiguous
 *	memory may be mapped with large IOMMU pages; 0: only PAGE_SIZE steps.
 */
enum ioasid_option {
	IOASID_OPTION_RLIMIT_MODE = 0,
	IOASID_OPTION_HUGE_PAGES = 1,
};

/**
 * enum ioasid_option_ops - operations of struct ioasid_option_cmd
 * @IOASID_OPTION_OP_SET: take val64
 * @IOASID_OPTION_OP_GET: return val64
 */
enum ioasid_option_ops {
	IOASID_OPTION_OP_SET = 0,
	IOASID_OPTION_OP_GET = 1,
};

/**
 * struct ioasid_option_cmd - ioctl(IOASID_OPTION)
 * @size: sizeof(struct ioasid_option_cmd)
 * @option_id: enum ioasid_option
 * @op: enum ioasid_option_ops
 * @__reserved: must be 0
 * @object_id: the object the option belongs to, or 0
 * @val64: in, for SET: the new value; out, for GET: the value
 *
 * Errors: EOPNOTSUPP for an unknown option or operation; EPERM without the
 * capability; EBUSY once objects exist; EINVAL for a bad value, and to switch large pages
 * off while mappings are in a page table; EADDRINUSE if existing mappings are not aligned
 * for the new value.
 */
struct ioasid_option_cmd {
	__u32 size;
	__u32 option_id;
	__u16 op;
	__u16 __reserved;
	__u32 object_id;
	__aligned_u64 val64;
};

#define IOASID_OPTION _IO(IOASID_TYPE, IOASID_CMD_OPTION)

/**
 * enum ioasid_vfio_ioas_op - operations of struct ioasid_vfio_ioas
 * @IOASID_VFIO_IOAS_GET: return the IOAS
 * @IOASID_VFIO_IOAS_SET: take another one
 * @IOASID_VFIO_IOAS_CLEAR: have none
 */
enum ioasid_vfio_ioas_op {
	IOASID_VFIO_IOAS_GET = 0,
	IOASID_VFIO_IOAS_SET = 1,
	IOASID_VFIO_IOAS_CLEAR = 2,
};

/**
 * struct ioasid_vfio_ioas - ioctl(IOASID_VFIO_IOAS)
 * @size: sizeof(struct ioasid_vfio_ioas)
 * @ioas_id: in, for SET, or out, for GET: the IOAS
 * @op: enum ioasid_vfio_ioas_op
 * @__reserved: must be 0
 *
 * The ioctls of a VFIO container (VFIO_IOMMU_MAP_DMA and the like) work on this
 * file, too. They name no IOAS; this one is meant.
 *
 * Errors: ENODEV for GET if there is none; ENOENT for SET of an unknown IOAS;
 * EOPNOTSUPP for an unknown operation.
 */
struct ioasid_vfio_ioas {
	__u32 size;
	__u32 ioas_id;
	__u16 op;
	__u16 __reserved;
};

#define IOASID_VFIO_IOAS _IO(IOASID_TYPE, IOASID_CMD_VFIO_IOAS)

/**
 * enum ioasid_hwpt_alloc_flags - flags of struct ioasid_hwpt_alloc
 * @IOASID_HWPT_ALLOC_NEST_PARENT: usable as the parent of a nested page table
 * @IOASID_HWPT_ALLOC_DIRTY_TRACKING: refuse devices that cannot track dirty
 *	pages
 * @IOASID_HWPT_FAULT_ID_VALID: fault_id is a fault queue
 * @IOASID_HWPT_ALLOC_PASID: usable with devices that have PASIDs attached
 */
enum ioasid_hwpt_alloc_flags {
	IOASID_HWPT_ALLOC_NEST_PARENT = 1 << 0,
	IOASID_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1,
	IOASID_HWPT_FAULT_ID_VALID = 1 << 2,
	IOASID_HWPT_ALLOC_PASID = 1 << 3,
};

/**
 * enum ioasid_hwpt_vtd_s1_flags - entries of an Intel first-stage page table
 * @IOASID_VTD_S1_SRE: requests of supervisors are served
 * @IOASID_VTD_S1_EAFE: the extended accessed flag is kept
 * @IOASID_VTD_S1_WPE: supervisors, too, respect write protection
 */
enum ioasid_hwpt_vtd_s1_flags {
	IOASID_VTD_S1_SRE = 1 << 0,
	IOASID_VTD_S1_EAFE = 1 << 1,
	IOASID_VTD_S1_WPE = 1 << 2,
};

/**
 * struct ioasid_hwpt_vtd_s1 - data of IOASID_HWPT_DATA_VTD_S1
 * @flags: enum ioasid_hwpt_vtd_s1_flags
 * @pgtbl_addr: address of the top of the page table, translated by the parent
 * @addr_width: width of an input address, in bits
 * @__reserved: must be 0
 */
struct ioasid_hwpt_vtd_s1 {
	__aligned_u64 flags;
	__aligned_u64 pgtbl_addr;
	__u32 addr_width;
	__u32 __reserved;
};

/**
 * enum ioasid_hwpt_data_type - kind of the data at data_uptr
 * @IOASID_HWPT_DATA_NONE: no data: a page table the kernel fills from an IOAS
 * @IOASID_HWPT_DATA_VTD_S1: struct ioasid_hwpt_vtd_s1
 * @IOASID_HWPT_DATA_ARM_SMMUV3: a stream table entry; see the kernel's header
 * @IOASID_HWPT_DATA_AMD_GUEST: a device table entry; see the kernel's header
 *
 * The data goes to the IOMMU driver, which knows its own type only.
 */
enum ioasid_hwpt_data_type {
	IOASID_HWPT_DATA_NONE = 0,
	IOASID_HWPT_DATA_VTD_S1 = 1,
	IOASID_HWPT_DATA_ARM_SMMUV3 = 2,
	IOASID_HWPT_DATA_AMD_GUEST = 3,
};

/**
 * struct ioasid_hwpt_alloc - ioctl(IOASID_HWPT_ALLOC)
 * @size: sizeof(struct ioasid_hwpt_alloc)
 * @flags: enum ioasid_hwpt_alloc_flags
 * @dev_id: a bound device, for whose IOMMU the page table is made
 * @pt_id: the IOAS the page table follows, or the parent of a nested one
 * @out_hwpt_id: id of the new page table
 * @__reserved: must be 0
 * @data_type: enum ioasid_hwpt_data_type
 * @data_len: size of the data, in bytes
 * @data_uptr: pointer to the data
 * @fault_id: a fault queue, with IOASID_HWPT_FAULT_ID_VALID
 * @__reserved2: padding, ignored
 *
 * Make a hardware page table. One that a device attach made by itself goes
 * with the last device; one made here stays until IOASID_DESTROY.
 *
 * With an IOAS, the kernel fills the page table. With a page table made with
 * NEST_PARENT, the new one is nested: the user fills it, in the format of the
 * data, and the IOMMU translates its output by the parent.
 *
 * Errors: ENOENT for an unknown dev_id or fault_id; EINVAL for a pt_id that is
 * neither an IOAS nor a page table made to be a parent on the same kind of IOMMU,
 * or for data that does not fit its type; EOPNOTSUPP for flags and data that this
 * kernel or IOMMU does not support.
 */
struct ioasid_hwpt_alloc {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 pt_id;
	__u32 out_hwpt_id;
	__u32 __reserved;
	__u32 data_type;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__u32 fault_id;
	__u32 __reserved2;
};

#define IOASID_HWPT_ALLOC _IO(IOASID_TYPE, IOASID_CMD_HWPT_ALLOC)

/**
 * enum ioasid_hw_info_vtd_flags - what is odd about an Intel IOMMU
 * @IOASID_HW_INFO_VTD_ERRATA_772415_SPR17: a parent of nested page tables must
 *	not hold mappings that are only readable
 */
enum ioasid_hw_info_vtd_flags {
	IOASID_HW_INFO_VTD_ERRATA_772415_SPR17 = 1 << 0,
};

/**
 * struct ioasid_hw_info_vtd - data of IOASID_HW_INFO_TYPE_INTEL_VTD
 * @flags: enum ioasid_hw_info_vtd_flags
 * @__reserved: 0
 * @cap_reg: the capability register
 * @ecap_reg: the extended capability register
 */
struct ioasid_hw_info_vtd {
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 cap_reg;
	__aligned_u64 ecap_reg;
};

/**
 * enum ioasid_hw_info_type - kind of the data GET_HW_INFO returns
 * @IOASID_HW_INFO_TYPE_NONE: out: the IOMMU driver reports no data
 * @IOASID_HW_INFO_TYPE_DEFAULT: in: what the IOMMU driver usually reports
 * @IOASID_HW_INFO_TYPE_INTEL_VTD: struct ioasid_hw_info_vtd
 * @IOASID_HW_INFO_TYPE_ARM_SMMUV3: see the kernel's header
 * @IOASID_HW_INFO_TYPE_TEGRA241_CMDQV: see the kernel's header
 * @IOASID_HW_INFO_TYPE_AMD: see the kernel's header
 */
enum ioasid_hw_info_type {
	IOASID_HW_INFO_TYPE_NONE = 0,
	IOASID_HW_INFO_TYPE_DEFAULT = 0,
	IOASID_HW_INFO_TYPE_INTEL_VTD = 1,
	IOASID_HW_INFO_TYPE_ARM_SMMUV3 = 2,
	IOASID_HW_INFO_TYPE_TEGRA241_CMDQV = 3,
	IOASID_HW_INFO_TYPE_AMD = 4,
};

/**
 * enum ioasid_hw_capabilities - what a device and its IOMMU can do
 * @IOASID_HW_CAP_DIRTY_TRACKING: page tables can track dirty pages
 * @IOASID_HW_CAP_PCI_PASID_EXEC: requests with a PASID can ask for execution
 * @IOASID_HW_CAP_PCI_PASID_PRIV: requests with a PASID can be privileged
 * @IOASID_HW_CAP_PCI_ATS_NOT_SUPPORTED: the device cannot use ATS. Kernels that
 *	cannot tell do not set it
 */
enum ioasid_hw_capabilities {
	IOASID_HW_CAP_DIRTY_TRACKING = 1 << 0,
	IOASID_HW_CAP_PCI_PASID_EXEC = 1 << 1,
	IOASID_HW_CAP_PCI_PASID_PRIV = 1 << 2,
	IOASID_HW_CAP_PCI_ATS_NOT_SUPPORTED = 1 << 3,
};

/**
 * enum ioasid_hw_info_flags - flags of struct ioasid_hw_info
 * @IOASID_HW_INFO_FLAG_INPUT_TYPE: out_data_type is also input: the kind of data
 *	that is asked for
 */
enum ioasid_hw_info_flags {
	IOASID_HW_INFO_FLAG_INPUT_TYPE = 1 << 0,
};

/**
 * struct ioasid_hw_info - ioctl(IOASID_GET_HW_INFO)
 * @size: sizeof(struct ioasid_hw_info)
 * @flags: enum ioasid_hw_info_flags
 * @dev_id: a bound device
 * @data_len: in: size of the buffer, in bytes; out: bytes the kernel has
 * @data_uptr: pointer to the buffer; what the kernel does not fill is zeroed
 * @out_data_type: enum ioasid_hw_info_type; the kernel's header calls it
 *	in_data_type as well
 * @out_max_pasid_log2: width of the device's PASIDs, in bits, 0 for none
 * @__reserved: must be 0
 * @out_capabilities: enum ioasid_hw_capabilities
 *
 * Errors: ENOENT for an unknown dev_id; EFAULT for a bad buffer; EOPNOTSUPP if
 * the IOMMU driver does not know the kind of data asked for. An IOMMU without
 * data to report is no error: the type is then NONE.
 */
struct ioasid_hw_info {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__u32 out_data_type;
	__u8 out_max_pasid_log2;
	__u8 __reserved[3];
	__aligned_u64 out_capabilities;
};

#define IOASID_GET_HW_INFO _IO(IOASID_TYPE, IOASID_CMD_GET_HW_INFO)

/**
 * enum ioasid_hwpt_set_dirty_tracking_flags - flags of
 *	struct ioasid_hwpt_set_dirty_tracking
 * @IOASID_HWPT_DIRTY_TRACKING_ENABLE: begin; without it: end
 */
enum ioasid_hwpt_set_dirty_tracking_flags {
	IOASID_HWPT_DIRTY_TRACKING_ENABLE = 1,
};

/**
 * struct ioasid_hwpt_set_dirty_tracking - ioctl(IOASID_HWPT_SET_DIRTY_TRACKING)
 * @size: sizeof(struct ioasid_hwpt_set_dirty_tracking)
 * @flags: enum ioasid_hwpt_set_dirty_tracking_flags
 * @hwpt_id: a page table of an IOAS
 * @__reserved: ignored
 *
 * Begin or end to note which pages devices write to through the page table. It
 * begins with no page dirty.
 *
 * Errors: ENOENT for an unknown page table; EOPNOTSUPP for one that cannot track,
 * that is, one made without IOASID_HWPT_ALLOC_DIRTY_TRACKING.
 */
struct ioasid_hwpt_set_dirty_tracking {
	__u32 size;
	__u32 flags;
	__u32 hwpt_id;
	__u32 __reserved;
};

#define IOASID_HWPT_SET_DIRTY_TRACKING \
	_IO(IOASID_TYPE, IOASID_CMD_HWPT_SET_DIRTY_TRACKING)

/**
 * enum ioasid_hwpt_get_dirty_bitmap_flags - flags of
 *	struct ioasid_hwpt_get_dirty_bitmap
 * @IOASID_HWPT_GET_DIRTY_BITMAP_NO_CLEAR: the pages stay dirty. Saves time when
 *	the range is unmapped next
 */
enum ioasid_hwpt_get_dirty_bitmap_flags {
	IOASID_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1,
};

/**
 * struct ioasid_hwpt_get_dirty_bitmap - ioctl(IOASID_HWPT_GET_DIRTY_BITMAP)
 * @size: sizeof(struct ioasid_hwpt_get_dirty_bitmap)
 * @hwpt_id: a page table of an IOAS
 * @flags: enum ioasid_hwpt_get_dirty_bitmap_flags
 * @__reserved: must be 0
 * @iova: start of the range, in bytes
 * @length: size of the range, in bytes
 * @page_size: how much a bit stands for, in bytes, a power of two
 * @data: pointer to the bitmap; bit 0 of byte 0 stands for @iova
 *
 * Set the bit of each page that was written to since it was last asked for, and
 * make it clean. Other bits are not changed. What is not mapped is clean. Nothing
 * is dirty while the page table does not track.
 *
 * Errors: ENOENT for an unknown page table; EINVAL if @length or @page_size is 0, or the
 * range is not a multiple of it or of the IOVA alignment; EFAULT for a bad
 * bitmap; EOPNOTSUPP for a page table that cannot track.
 */
struct ioasid_hwpt_get_dirty_bitmap {
	__u32 size;
	__u32 hwpt_id;
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
};

#define IOASID_HWPT_GET_DIRTY_BITMAP \
	_IO(IOASID_TYPE, IOASID_CMD_HWPT_GET_DIRTY_BITMAP)

/**
 * enum ioasid_hwpt_invalidate_data_type - kind of the entries at data_uptr
 * @IOASID_HWPT_INVALIDATE_DATA_VTD_S1: struct ioasid_hwpt_vtd_s1_invalidate
 */
enum ioasid_hwpt_invalidate_data_type {
	IOASID_HWPT_INVALIDATE_DATA_VTD_S1 = 0,
};

/**
 * enum ioasid_hwpt_vtd_s1_invalidate_flags - flags of
 *	struct ioasid_hwpt_vtd_s1_invalidate
 * @IOASID_VTD_INV_FLAGS_LEAF: only last-level entries have changed
 */
enum ioasid_hwpt_vtd_s1_invalidate_flags {
	IOASID_VTD_INV_FLAGS_LEAF = 1 << 0,
};

/**
 * struct ioasid_hwpt_vtd_s1_invalidate - a range of changed entries
 * @addr: first address, a multiple of 4096
 * @npages: size of the range in pages of 4096 bytes; U64_MAX with @addr 0 for
 *	everything
 * @flags: enum ioasid_hwpt_vtd_s1_invalidate_flags
 * @__reserved: must be 0
 */
struct ioasid_hwpt_vtd_s1_invalidate {
	__aligned_u64 addr;
	__aligned_u64 npages;
	__u32 flags;
	__u32 __reserved;
};

/**
 * struct ioasid_hwpt_invalidate - ioctl(IOASID_HWPT_INVALIDATE)
 * @size: sizeof(struct ioasid_hwpt_invalidate)
 * @hwpt_id: a nested page table
 * @data_uptr: pointer to an array of entries
 * @data_type: enum ioasid_hwpt_invalidate_data_type
 * @entry_len: size of an entry, in bytes, at most the size of a page
 * @entry_num: in: entries in the array, at most 524288; out: entries that were
 *	served, also on failure
 * @__reserved: must be 0
 *
 * Tell the IOMMU that the user has changed a nested page table. Without entries
 * it only says whether the IOMMU driver knows @data_type.
 *
 * Errors: ENOENT for an unknown page table; EINVAL for one that is not nested, or
 * a bad array; EOPNOTSUPP if the IOMMU driver cannot; its own errors.
 */
struct ioasid_hwpt_invalidate {
	__u32 size;
	__u32 hwpt_id;
	__aligned_u64 data_uptr;
	__u32 data_type;
	__u32 entry_len;
	__u32 entry_num;
	__u32 __reserved;
};

#define IOASID_HWPT_INVALIDATE _IO(IOASID_TYPE, IOASID_CMD_HWPT_INVALIDATE)

/**
 * enum ioasid_hwpt_pgfault_flags - flags of struct ioasid_hwpt_pgfault
 * @IOASID_PGFAULT_FLAGS_PASID_VALID: pasid means something
 * @IOASID_PGFAULT_FLAGS_LAST_PAGE: the last fault of its group
 */
enum ioasid_hwpt_pgfault_flags {
	IOASID_PGFAULT_FLAGS_PASID_VALID = 1 << 0,
	IOASID_PGFAULT_FLAGS_LAST_PAGE = 1 << 1,
};

/**
 * enum ioasid_hwpt_pgfault_perm - what a device wanted to do
 * @IOASID_PGFAULT_PERM_READ: read
 * @IOASID_PGFAULT_PERM_WRITE: write
 * @IOASID_PGFAULT_PERM_EXEC: execute
 * @IOASID_PGFAULT_PERM_PRIV: any of these as a supervisor
 */
enum ioasid_hwpt_pgfault_perm {
	IOASID_PGFAULT_PERM_READ = 1 << 0,
	IOASID_PGFAULT_PERM_WRITE = 1 << 1,
	IOASID_PGFAULT_PERM_EXEC = 1 << 2,
	IOASID_PGFAULT_PERM_PRIV = 1 << 3,
};

/**
 * struct ioasid_hwpt_pgfault - what is read from a fault queue
 * @flags: enum ioasid_hwpt_pgfault_flags
 * @dev_id: the bound device that faulted
 * @pasid: its PASID, with IOASID_PGFAULT_FLAGS_PASID_VALID
 * @grpid: number the device gave the group
 * @perm: enum ioasid_hwpt_pgfault_perm
 * @__reserved: 0
 * @addr: the address, in bytes
 * @length: 0
 * @cookie: names the group in the response
 */
struct ioasid_hwpt_pgfault {
	__u32 flags;
	__u32 dev_id;
	__u32 pasid;
	__u32 grpid;
	__u32 perm;
	__u32 __reserved;
	__aligned_u64 addr;
	__u32 length;
	__u32 cookie;
};

/**
 * enum ioasid_page_response_code - codes of struct ioasid_hwpt_page_response
 * @IOASID_PAGE_RESP_SUCCESS: the page is there now: try again
 * @IOASID_PAGE_RESP_INVALID: there is no such page
 */
enum ioasid_page_response_code {
	IOASID_PAGE_RESP_SUCCESS = 0,
	IOASID_PAGE_RESP_INVALID = 1,
};

/**
 * struct ioasid_hwpt_page_response - what is written to a fault queue
 * @cookie: the group
 * @code: enum ioasid_page_response_code
 */
struct ioasid_hwpt_page_response {
	__u32 cookie;
	__u32 code;
};

/**
 * struct ioasid_fault_alloc - ioctl(IOASID_FAULT_QUEUE_ALLOC)
 * @size: sizeof(struct ioasid_fault_alloc)
 * @flags: must be 0
 * @out_fault_id: id of the new fault queue
 * @out_fault_fd: file descriptor of the new fault queue
 *
 * Make a queue for the page faults of devices. Devices that are attached to a
 * page table made with IOASID_HWPT_FAULT_ID_VALID put theirs there.
 *
 * Reading returns struct ioasid_hwpt_pgfault, whole groups only, and 0 if there
 * are none; poll() waits for some. Each group is answered by writing a struct
 * ioasid_hwpt_page_response. A detach answers what is left.
 *
 * Errors: EOPNOTSUPP if the kernel has no page faults of devices. Of read() and
 * write(): ESPIPE if the size is not a multiple of the structure's; EINVAL for a
 * buffer smaller than the first group, an unknown cookie or code; EFAULT for a bad
 * buffer. IOASID_GET_ERROR works on the queue's file and tells about these; each
 * other ioctl is refused there: ENOTTY.
 */
struct ioasid_fault_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_fault_id;
	__u32 out_fault_fd;
};

#define IOASID_FAULT_QUEUE_ALLOC _IO(IOASID_TYPE, IOASID_CMD_FAULT_QUEUE_ALLOC)

/**
 * struct ioasid_ioas_change_process - ioctl(IOASID_IOAS_CHANGE_PROCESS)
 * @size: sizeof(struct ioasid_ioas_change_process)
 * @__reserved: must be 0
 *
 * Charge everything that is pinned through this file to the calling process. A
 * program that hands its devices to a successor calls it in the successor. All
 * mappings must be of files.
 *
 * Errors: EINVAL if a mapping is of process memory; EBUSY if a mapping is being
 * made; ENOMEM over RLIMIT_MEMLOCK. On failure nothing changes.
 */
struct ioasid_ioas_change_process {
	__u32 size;
	__u32 __reserved;
};

#define IOASID_IOAS_CHANGE_PROCESS \
	_IO(IOASID_TYPE, IOASID_CMD_IOAS_CHANGE_PROCESS)

/**
 * enum ioasid_viommu_type - kinds of virtual IOMMUs
 * @IOASID_VIOMMU_TYPE_DEFAULT: none
 */
enum ioasid_viommu_type {
	IOASID_VIOMMU_TYPE_DEFAULT = 0,
};

/**
 * struct ioasid_viommu_alloc - ioctl(IOASID_VIOMMU_ALLOC)
 * @size: sizeof(struct ioasid_viommu_alloc)
 * @flags: must be 0
 * @type: enum ioasid_viommu_type, other than DEFAULT
 * @dev_id: a bound device
 * @hwpt_id: a page table made with IOASID_HWPT_ALLOC_NEST_PARENT
 * @out_viommu_id: id of the new virtual IOMMU
 * @data_len: size of the data, in bytes
 * @__reserved: ignored
 * @data_uptr: pointer to data of the type
 *
 * Make a slice of an IOMMU that has hardware for virtual machines. The drivers
 * that serve it are parts of a kernel's own iommufd, so there are none here.
 *
 * Errors: EOPNOTSUPP for a flag, the type DEFAULT, and any IOMMU; ENOENT for an
 * unknown device.
 */
struct ioasid_viommu_alloc {
	__u32 size;
	__u32 flags;
	__u32 type;
	__u32 dev_id;
	__u32 hwpt_id;
	__u32 out_viommu_id;
	__u32 data_len;
	__u32 __reserved;
	__aligned_u64 data_uptr;
};

#define IOASID_VIOMMU_ALLOC _IO(IOASID_TYPE, IOASID_CMD_VIOMMU_ALLOC)

/**
 * struct ioasid_vdevice_alloc - ioctl(IOASID_VDEVICE_ALLOC)
 * @size: sizeof(struct ioasid_vdevice_alloc)
 * @viommu_id: a virtual IOMMU
 * @dev_id: a bound device
 * @out_vdevice_id: id of the new virtual device
 * @virt_id: the device's number at the virtual IOMMU
 *
 * Tell a virtual IOMMU what the virtual machine calls a device.
 *
 * Errors: ENOENT, as there is no virtual IOMMU; EINVAL if @virt_id does not fit
 * an unsigned long.
 */
struct ioasid_vdevice_alloc {
	__u32 size;
	__u32 viommu_id;
	__u32 dev_id;
	__u32 out_vdevice_id;
	__aligned_u64 virt_id;
};

#define IOASID_VDEVICE_ALLOC _IO(IOASID_TYPE, IOASID_CMD_VDEVICE_ALLOC)

/**
 * enum ioasid_veventq_type - kinds of event queues of virtual IOMMUs
 * @IOASID_VEVENTQ_TYPE_DEFAULT: none
 */
enum ioasid_veventq_type {
	IOASID_VEVENTQ_TYPE_DEFAULT = 0,
};

/**
 * struct ioasid_veventq_alloc - ioctl(IOASID_VEVENTQ_ALLOC)
 * @size: sizeof(struct ioasid_veventq_alloc)
 * @flags: must be 0
 * @viommu_id: a virtual IOMMU
 * @type: enum ioasid_veventq_type, other than DEFAULT
 * @veventq_depth: room, in events, 1 to 524288
 * @out_veventq_id: id of the new queue
 * @out_veventq_fd: file descriptor of the new queue
 * @__reserved: must be 0
 *
 * Make a queue for events of a virtual IOMMU.
 *
 * Errors: EOPNOTSUPP for a flag or the type DEFAULT; EINVAL for a bad depth;
 * ENOENT, as there is no virtual IOMMU.
 */
struct ioasid_veventq_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 veventq_depth;
	__u32 out_veventq_id;
	__u32 out_veventq_fd;
	__u32 __reserved;
};

#define IOASID_VEVENTQ_ALLOC _IO(IOASID_TYPE, IOASID_CMD_VEVENTQ_ALLOC)

/**
 * enum ioasid_hw_queue_type - kinds of hardware queues of virtual IOMMUs
 * @IOASID_HW_QUEUE_TYPE_DEFAULT: none
 */
enum ioasid_hw_queue_type {
	IOASID_HW_QUEUE_TYPE_DEFAULT = 0,
};

/**
 * struct ioasid_hw_queue_alloc - ioctl(IOASID_HW_QUEUE_ALLOC)
 * @size: sizeof(struct ioasid_hw_queue_alloc)
 * @flags: must be 0
 * @viommu_id: a virtual IOMMU
 * @type: enum ioasid_hw_queue_type, other than DEFAULT
 * @index: number of the queue
 * @out_hw_queue_id: id of the new queue
 * @nesting_parent_iova: where the queue is, in the parent page table, in bytes
 * @length: its size, in bytes
 *
 * Let the hardware read a queue in the memory of a virtual machine.
 *
 * Errors: EOPNOTSUPP for a flag or the type DEFAULT; EINVAL for zero length;
 * EOVERFLOW if the range wraps; ENOENT, as there is no virtual IOMMU.
 */
struct ioasid_hw_queue_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 index;
	__u32 out_hw_queue_id;
	__aligned_u64 nesting_parent_iova;
	__aligned_u64 length;
};

#define IOASID_HW_QUEUE_ALLOC _IO(IOASID_TYPE, IOASID_CMD_HW_QUEUE_ALLOC)

/**
 * enum ioasid_error_flags - flags of struct ioasid_get_error
 * @IOASID_ERROR_RANGE: @out_start and @out_last say something
 * @IOASID_ERROR_GENERIC: the reason is not known: the sentence only repeats what was
 *	called, and the error
 */
enum ioasid_error_flags {
	IOASID_ERROR_RANGE = 1 << 0,
	IOASID_ERROR_GENERIC = 1 << 1,
};

/**
 * struct ioasid_get_error - ioctl(IOASID_GET_ERROR)
 * @size: sizeof(struct ioasid_get_error)
 * @flags: must be 0
 * @text_uptr: pointer to a buffer for the sentence
 * @text_len: in: size of the buffer, in bytes, 0 for none; out: size of the
 *	sentence with its terminating 0. A buffer that is too small gets the
 *	beginning, terminated
 * @out_flags: enum ioasid_error_flags
 * @out_errno: the error of the call that was refused
 * @out_cmd: number of the ioctl that was refused, as it was called; 0 for read(),
 *	write() and mmap()
 * @out_ids: ids of the objects concerned: the first is the one the call named,
 *	the second one that stands in the way; 0 for none
 * @out_start: first address of the range concerned, in bytes
 * @out_last: last address of the range concerned, in bytes, inclusive
 *
 * Why the last call that the calling thread made on this file descriptor and that
 * was refused, was refused. Calls that succeed do not change the answer, and
 * neither does this one. It works on the char devices of vfio_cdev_ext, too, also
 * before VFIO_CDEV_BIND, and on the files of fault queues.
 *
 * The file keeps the refusals of the 64 threads that were refused last. The
 * sentence is for people: it is English, in ASCII, one line without a full stop,
 * and may change.
 *
 * KVM does not call a char device of vfio_cdev_ext that it does not accept. So such a
 * file tells a thread that it has refused nothing why that is, with the errno and the
 * number of the ioctl that KVM refuses: EINVAL, KVM_SET_DEVICE_ATTR.
 *
 * Errors: ENODATA if this file has refused nothing to this thread; EFAULT for a
 * bad buffer.
 */
struct ioasid_get_error {
	__u32 size;
	__u32 flags;
	__aligned_u64 text_uptr;
	__u32 text_len;
	__u32 out_flags;
	__u32 out_errno;
	__u32 out_cmd;
	__u32 out_ids[2];
	__aligned_u64 out_start;
	__aligned_u64 out_last;
};

#define IOASID_GET_ERROR _IO(IOASID_TYPE, IOASID_CMD_GET_ERROR)

/**
 * enum ioasid_object_type - types of struct ioasid_object
 * @IOASID_OBJECT_IOAS: an I/O address space
 * @IOASID_OBJECT_HWPT: a page table that follows an IOAS
 * @IOASID_OBJECT_HWPT_NESTED: a page table that the user fills
 * @IOASID_OBJECT_DEVICE: a bound device
 * @IOASID_OBJECT_ENDPOINT: a device, or a PASID of it, attached to a page table
 * @IOASID_OBJECT_ACCESS: a driver that uses memory without DMA
 * @IOASID_OBJECT_FAULT: a fault queue
 *
 * A program should pass over types it does not know.
 */
enum ioasid_object_type {
	IOASID_OBJECT_IOAS = 1,
	IOASID_OBJECT_HWPT = 2,
	IOASID_OBJECT_HWPT_NESTED = 3,
	IOASID_OBJECT_DEVICE = 4,
	IOASID_OBJECT_ENDPOINT = 5,
	IOASID_OBJECT_ACCESS = 6,
	IOASID_OBJECT_FAULT = 7,
};

/**
 * enum ioasid_object_flags - flags of struct ioasid_object
 * @IOASID_OBJECT_LARGE_PAGES: IOAS: large IOMMU pages may be used
 * @IOASID_OBJECT_VFIO: IOAS: that of the ioctls of a VFIO container
 * @IOASID_OBJECT_AUTO: page table: goes with its last endpoint
 * @IOASID_OBJECT_NEST_PARENT: page table: can be the parent of a nested one
 * @IOASID_OBJECT_COHERENT: page table: DMA through it cannot bypass caches
 * @IOASID_OBJECT_PASID: endpoint: of @pasid, not of the device itself
 * @IOASID_OBJECT_DIRTY_TRACKING: page table: made to track which pages are written to
 */
enum ioasid_object_flags {
	IOASID_OBJECT_LARGE_PAGES = 1 << 0,
	IOASID_OBJECT_VFIO = 1 << 1,
	IOASID_OBJECT_AUTO = 1 << 2,
	IOASID_OBJECT_NEST_PARENT = 1 << 3,
	IOASID_OBJECT_COHERENT = 1 << 4,
	IOASID_OBJECT_PASID = 1 << 5,
	IOASID_OBJECT_DIRTY_TRACKING = 1 << 6,
};

/**
 * struct ioasid_object - an object of IOASID_LIST
 * @id: its id; of an endpoint, which has none, that of its device
 * @type: enum ioasid_object_type
 * @flags: enum ioasid_object_flags
 * @target_id: what it needs: of a page table and of an access the IOAS, of a nested
 *	page table its parent, of an endpoint the page table; 0 for nothing
 * @group: of a device the number of its IOMMU group, else -1
 * @pasid: of an endpoint with IOASID_OBJECT_PASID
 * @name: of a device its name in sysfs, else empty; terminated by 0
 */
struct ioasid_object {
	__u32 id;
	__u32 type;
	__u32 flags;
	__u32 target_id;
	__s32 group;
	__u32 pasid;
	char name[32];
};

/**
 * struct ioasid_list - ioctl(IOASID_LIST)
 * @size: sizeof(struct ioasid_list)
 * @flags: must be 0
 * @num: in: room in the array, in entries; out: entries filled
 * @entry_size: in: sizeof(struct ioasid_object), in bytes; out: what the kernel
 *	knows of it. What the kernel does not know of an entry is 0
 * @cursor: in: 0, or the answer of the call before; out: where to go on, 0 at the
 *	end
 * @objects: pointer to an array of struct ioasid_object
 *
 * List the objects of this file with their relations, in the order of their ids;
 * endpoints follow their device. Objects that come and go while a program goes on
 * from call to call are listed or not; all others are listed once.
 *
 * Errors: EINVAL for an entry_size that is smaller than the first version, or larger
 * than a page.
 */
struct ioasid_list {
	__u32 size;
	__u32 flags;
	__u32 num;
	__u32 entry_size;
	__aligned_u64 cursor;
	__aligned_u64 objects;
};

#define IOASID_LIST _IO(IOASID_TYPE, IOASID_CMD_LIST)

/**
 * enum ioasid_mapping_flags - flags of struct ioasid_mapping
 * @IOASID_MAPPING_WRITEABLE: devices may write; as IOASID_IOAS_MAP_WRITEABLE
 * @IOASID_MAPPING_READABLE: devices may read; as IOASID_IOAS_MAP_READABLE
 * @IOASID_MAPPING_FILE: of a file; @start is an offset
 * @IOASID_MAPPING_SHARED: its memory can be that of other mappings, too
 * @IOASID_MAPPING_BUSY: it is being made
 * @IOASID_MAPPING_ACCESSED: a driver uses its memory without DMA
 * @IOASID_MAPPING_KEPT: the IOMMU driver did not unmap all of it when it was told
 *	to. A device may still reach it, so its memory stays pinned for good, and its
 *	IOVAs stay occupied. If it is unmapped, it is none any more but in this list
 */
enum ioasid_mapping_flags {
	IOASID_MAPPING_WRITEABLE = 1 << 1,
	IOASID_MAPPING_READABLE = 1 << 2,
	IOASID_MAPPING_FILE = 1 << 3,
	IOASID_MAPPING_SHARED = 1 << 4,
	IOASID_MAPPING_BUSY = 1 << 5,
	IOASID_MAPPING_ACCESSED = 1 << 6,
	IOASID_MAPPING_KEPT = 1 << 7,
};

/**
 * enum ioasid_charge - how pinned memory is charged
 * @IOASID_CHARGE_NONE: not limited: the process had CAP_IPC_LOCK
 * @IOASID_CHARGE_USER: to the user, for all processes together
 * @IOASID_CHARGE_PROCESS: to the process
 */
enum ioasid_charge {
	IOASID_CHARGE_NONE = 0,
	IOASID_CHARGE_USER = 1,
	IOASID_CHARGE_PROCESS = 2,
};

/**
 * struct ioasid_mapping - a mapping of IOASID_LIST_MAPPINGS
 * @iova: where it begins, in bytes
 * @length: its size, in bytes
 * @start: user address of the memory, or its offset in a file, in bytes
 * @pinned_pages: how much of it is pinned for page tables, in pages of the CPU
 * @flags: enum ioasid_mapping_flags
 * @charge: enum ioasid_charge
 */
struct ioasid_mapping {
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 start;
	__aligned_u64 pinned_pages;
	__u32 flags;
	__u32 charge;
};

/**
 * enum ioasid_list_mappings_flags - out_flags of struct ioasid_list_mappings
 * @IOASID_LIST_MAPPINGS_END: there are no more
 */
enum ioasid_list_mappings_flags {
	IOASID_LIST_MAPPINGS_END = 1 << 0,
};

/**
 * struct ioasid_list_mappings - ioctl(IOASID_LIST_MAPPINGS)
 * @size: sizeof(struct ioasid_list_mappings)
 * @flags: must be 0
 * @ioas_id: the IOAS
 * @num: in: room in the array, in entries; out: entries filled
 * @entry_size: as in struct ioasid_list, of struct ioasid_mapping
 * @out_flags: enum ioasid_list_mappings_flags
 * @iova: in: where to begin, in bytes; out: where to go on
 * @mappings: pointer to an array of struct ioasid_mapping
 *
 * List the mappings of an IOAS from @iova on, in order. No lock is held for longer
 * than a few mappings take: those that come and go while a program goes on from
 * call to call are listed or not, and all others are listed once.
 *
 * Errors: ENOENT for an unknown IOAS; EINVAL for an entry_size that is smaller than
 * the first version; EOVERFLOW for an iova that does not fit the machine.
 */
struct ioasid_list_mappings {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 num;
	__u32 entry_size;
	__u32 out_flags;
	__aligned_u64 iova;
	__aligned_u64 mappings;
};

#define IOASID_LIST_MAPPINGS _IO(IOASID_TYPE, IOASID_CMD_LIST_MAPPINGS)

/**
 * enum ioasid_group_flags - out_flags of struct ioasid_group_info
 * @IOASID_GROUP_OWNED: the /dev/ioasid file that was asked, or that the device is
 *	bound to, owns the group
 * @IOASID_GROUP_CONTEXT: a /dev/ioasid file owns the group; binding devices of it to
 *	another one fails with EPERM
 * @IOASID_GROUP_CLAIMED: the group has an owner: a /dev/ioasid file, a kernel
 *	driver, or a user of /dev/vfio/N
 * @IOASID_GROUP_DEVICE_OPEN: the device itself is in use: a bind of it fails
 * @IOASID_GROUP_VIABLE: a bind of the device would succeed at the moment, to the file
 *	that owns the group if there is one
 */
enum ioasid_group_flags {
	IOASID_GROUP_OWNED = 1 << 0,
	IOASID_GROUP_CONTEXT = 1 << 1,
	IOASID_GROUP_CLAIMED = 1 << 2,
	IOASID_GROUP_DEVICE_OPEN = 1 << 3,
	IOASID_GROUP_VIABLE = 1 << 4,
};

/**
 * enum ioasid_group_member_flags - flags of struct ioasid_group_member
 * @IOASID_GROUP_MEMBER_SELF: the device the question is about
 * @IOASID_GROUP_MEMBER_BLOCKS: its driver does DMA for the kernel, and keeps the
 *	group from being claimed
 */
enum ioasid_group_member_flags {
	IOASID_GROUP_MEMBER_SELF = 1 << 0,
	IOASID_GROUP_MEMBER_BLOCKS = 1 << 1,
};

/**
 * struct ioasid_group_member - a device of IOASID_GROUP_INFO
 * @name: its name in sysfs, which is the BDF of a PCI device; terminated by 0
 * @driver: name of its driver, empty for none; terminated by 0
 * @dev_id: its id in the file that owns the group, if that is the file that was
 *	asked or that the asking device is bound to; else 0
 * @flags: enum ioasid_group_member_flags
 */
struct ioasid_group_member {
	char name[32];
	char driver[32];
	__u32 dev_id;
	__u32 flags;
};

/**
 * struct ioasid_group_info - ioctl(IOASID_GROUP_INFO)
 * @size: sizeof(struct ioasid_group_info)
 * @flags: must be 0
 * @dev_id: on a /dev/ioasid file, a bound device; on the device's own node 0: it is
 *	the device, bound or not
 * @num: in: room in the array, in entries; out: members there are
 * @entry_size: as in struct ioasid_list, of struct ioasid_group_member
 * @out_flags: enum ioasid_group_flags
 * @out_group: number of the IOMMU group
 * @out_owner_pid: with IOASID_GROUP_CONTEXT, the process that bound the first device
 *	of the group; 0 if it has ended, or if the caller may not see it: another user's
 *	process, for who cannot trace that, or one outside of his PID namespace
 * @members: pointer to an array of struct ioasid_group_member
 *
 * Who is in the IOMMU group of a device. A bind of the device affects all of them:
 * DMA of the whole group is blocked until a device is attached, then all reach what
 * it reaches, and no other owner and no driver of the kernel can have any of them.
 *
 * The answer is that of the moment. Nothing is claimed for it.
 *
 * Errors: ENOENT for an unknown dev_id; EINVAL for an entry_size that is smaller than
 * the first version, and for a dev_id on a device node; ENODEV for a device without a
 * group; EMSGSIZE if the array is too small: everything but the members is then
 * answered, and the array is filled as far as it goes.
 */
struct ioasid_group_info {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 num;
	__u32 entry_size;
	__u32 out_flags;
	__s32 out_group;
	__s32 out_owner_pid;
	__aligned_u64 members;
};

#define IOASID_GROUP_INFO _IO(IOASID_TYPE, IOASID_CMD_GROUP_INFO)

/**
 * enum ioasid_feature - bits of out_features of struct ioasid_features
 * @IOASID_FEATURE_MAP_FILE: IOASID_IOAS_MAP_FILE of a memfd
 * @IOASID_FEATURE_MAP_FILE_DIRECT: which needs no address space of the caller, unless
 *	the memfd is of huge pages
 * @IOASID_FEATURE_CHANGE_PROCESS: IOASID_IOAS_CHANGE_PROCESS
 * @IOASID_FEATURE_VFIO_COMPAT: the ioctls of a VFIO container
 * @IOASID_FEATURE_ACCESS: drivers of emulated devices can use the memory
 * @IOASID_FEATURE_ATOMIC_REPLACE: a device moves to another page table in one step:
 *	the kernel does not attach it to nothing in between. Whether its DMA waits, is
 *	blocked or goes on meanwhile is up to the IOMMU's driver: Intel's blocks it
 * @IOASID_FEATURE_NESTED: nested page tables
 * @IOASID_FEATURE_KVM: KVM accepts the device node; only of a device node
 * @IOASID_FEATURE_DIRTY_TRACKING: page tables can track which pages are written to
 * @IOASID_FEATURE_FAULT_QUEUE: IOASID_FAULT_QUEUE_ALLOC
 * @IOASID_FEATURE_PASID: PASIDs can be attached
 * @IOASID_FEATURE_UNMAP_PARTIAL: IOASID_IOAS_UNMAP_PARTIAL
 * @IOASID_FEATURE_MAP_DMABUF: IOASID_IOAS_MAP_FILE of dma-bufs: a driver is there whose
 *	dma-bufs can be mapped
 */
enum ioasid_feature {
	IOASID_FEATURE_MAP_FILE = 1 << 0,
	IOASID_FEATURE_MAP_FILE_DIRECT = 1 << 1,
	IOASID_FEATURE_CHANGE_PROCESS = 1 << 2,
	IOASID_FEATURE_VFIO_COMPAT = 1 << 3,
	IOASID_FEATURE_ACCESS = 1 << 4,
	IOASID_FEATURE_ATOMIC_REPLACE = 1 << 5,
	IOASID_FEATURE_NESTED = 1 << 6,
	IOASID_FEATURE_KVM = 1 << 7,
	IOASID_FEATURE_DIRTY_TRACKING = 1 << 8,
	IOASID_FEATURE_FAULT_QUEUE = 1 << 9,
	IOASID_FEATURE_PASID = 1 << 10,
	IOASID_FEATURE_UNMAP_PARTIAL = 1 << 11,
	IOASID_FEATURE_MAP_DMABUF = 1 << 12,
};

/**
 * struct ioasid_features - ioctl(IOASID_FEATURES)
 * @size: sizeof(struct ioasid_features)
 * @flags: must be 0
 * @dev_id: 0 to ask about the kernel; on a /dev/ioasid file also a bound device, to
 *	ask about that and its IOMMU
 * @__reserved: must be 0
 * @out_commands: bit N of the array is set if the command 0x80 + N is known. What a
 *	known command can do depends on the features
 * @out_features: enum ioasid_feature
 *
 * What is served here. Without a device, a feature that depends on the IOMMU's driver
 * is set if the kernel would allow it. On a device node the answer is that for its
 * device.
 *
 * Errors: ENOENT for an unknown dev_id; EINVAL for a dev_id on a device node.
 */
struct ioasid_features {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 __reserved;
	__aligned_u64 out_commands[2];
	__aligned_u64 out_features;
};

#define IOASID_FEATURES _IO(IOASID_TYPE, IOASID_CMD_FEATURES)

/**
 * enum ioasid_unmap_partial_flags - flags of struct ioasid_ioas_unmap_partial
 * @IOASID_UNMAP_PARTIAL_SPLIT: only split the mappings at the ends of the range, and
 *	unmap nothing
 * @IOASID_UNMAP_PARTIAL_NO_FAULT: refuse what could make a device fault on memory that
 *	stays mapped
 */
enum ioasid_unmap_partial_flags {
	IOASID_UNMAP_PARTIAL_SPLIT = 1 << 0,
	IOASID_UNMAP_PARTIAL_NO_FAULT = 1 << 1,
};

/**
 * struct ioasid_ioas_unmap_partial - ioctl(IOASID_IOAS_UNMAP_PARTIAL)
 * @size: sizeof(struct ioasid_ioas_unmap_partial)
 * @flags: enum ioasid_unmap_partial_flags
 * @ioas_id: the IOAS
 * @__reserved: must be 0
 * @iova: where the range begins
 * @length: in: size of the range, in bytes; out: bytes that were mapped and no longer
 *	are
 *
 * Remove whatever is mapped in the range, and nothing else. A mapping that is only
 * partly in the range is split at the range's end; what is outside becomes a mapping of
 * its own, and its memory stays pinned. The memory of what is removed is unpinned.
 *
 * An IOMMU page that is on both sides of an end of the range is replaced by smaller
 * ones; all other IOMMU pages stay as they are. For the moment this takes, a device
 * that uses the part of that page which stays mapped faults. That can happen to the
 * memory around either end, up to the size of the largest IOMMU page, and only where
 * the memory is contiguous and aligned for it. A program that cannot have it stops the
 * device, sets @IOASID_UNMAP_PARTIAL_NO_FAULT, or splits its mappings in time.
 *
 * On failure nothing is unmapped, unless another thread maps and unmaps there at the
 * same time. A mapping at an end of the range may have been split.
 *
 * Errors: EOPNOTSUPP for unknown flags; ENOENT if nothing is mapped in the range, other
 * than for @IOASID_UNMAP_PARTIAL_SPLIT; EINVAL for zero length, or an end inside a
 * mapping that is no multiple of the IOAS's alignment, or is inside a dma-buf;
 * EOVERFLOW if the range wraps;
 * EBUSY if a mapping in the range is being made or removed, or if a driver of an
 * emulated device uses one that has to be split; EADDRINUSE, with
 * @IOASID_UNMAP_PARTIAL_NO_FAULT or while dirty pages are tracked, if an IOMMU page may
 * have to be replaced; EDEADLOCK and EIO as for struct ioasid_ioas_unmap; ENOMEM.
 */
struct ioasid_ioas_unmap_partial {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#define IOASID_IOAS_UNMAP_PARTIAL \
	_IO(IOASID_TYPE, IOASID_CMD_IOAS_UNMAP_PARTIAL)

#endif

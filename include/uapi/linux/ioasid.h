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
	IOASID_CMD_IOAS_MAP_FILE = 0x8f,
	IOASID_CMD_IOAS_CHANGE_PROCESS = 0x92,
	/* From here on mainline has nothing like it. */
	IOASID_CMD_GET_ERROR = 0xc0,
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
 * any device).
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
 * memory (a BAR) among it; ENOMEM over RLIMIT_MEMLOCK.
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
 * @fd: a memfd, also of huge pages
 * @start: where the memory begins in the file, in bytes
 * @length: size of the memory, in bytes
 * @iova: as for struct ioasid_ioas_map
 *
 * Like IOASID_IOAS_MAP, of memory that is named by file and offset. The process
 * need not have it mapped, and the mapping does not depend on the process.
 *
 * Errors: EBADF for a bad fd; EINVAL for a file of another kind or too short;
 * EACCES to write through a file descriptor for reading; EPERM to write to a
 * file that is sealed; otherwise as IOASID_IOAS_MAP.
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
 * none; EBUSY if a mapping in it is still being made.
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
 * capability; EBUSY once objects exist; EINVAL for a bad value; EADDRINUSE if
 * existing mappings are not aligned for the new value.
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
 * enum ioasid_hwpt_data_type - kind of the data at data_uptr
 * @IOASID_HWPT_DATA_NONE: no data: an ordinary page table of an IOAS
 */
enum ioasid_hwpt_data_type {
	IOASID_HWPT_DATA_NONE = 0,
};

/**
 * struct ioasid_hwpt_alloc - ioctl(IOASID_HWPT_ALLOC)
 * @size: sizeof(struct ioasid_hwpt_alloc)
 * @flags: enum ioasid_hwpt_alloc_flags
 * @dev_id: a bound device, for whose IOMMU the page table is made
 * @pt_id: the IOAS the page table follows
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
 * Errors: ENOENT for an unknown dev_id; EINVAL for a pt_id that is no IOAS, or
 * data that does not fit its type; EOPNOTSUPP for flags and data that this
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
 * enum ioasid_hw_info_type - kind of the data GET_HW_INFO returns
 * @IOASID_HW_INFO_TYPE_NONE: the IOMMU driver reports no data
 */
enum ioasid_hw_info_type {
	IOASID_HW_INFO_TYPE_NONE = 0,
};

/**
 * struct ioasid_hw_info - ioctl(IOASID_GET_HW_INFO)
 * @size: sizeof(struct ioasid_hw_info)
 * @flags: must be 0
 * @dev_id: a bound device
 * @data_len: in: size of the buffer, in bytes; out: bytes the kernel has
 * @data_uptr: pointer to the buffer; what the kernel does not fill is zeroed
 * @out_data_type: enum ioasid_hw_info_type
 * @out_max_pasid_log2: width of the device's PASIDs, in bits, 0 for none
 * @__reserved: must be 0
 * @out_capabilities: what the device and its IOMMU can do; 0 here
 *
 * Errors: ENOENT for an unknown dev_id; EFAULT for a bad buffer. An IOMMU
 * without data to report is no error: the type is then NONE.
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
 * enum ioasid_error_flags - flags of struct ioasid_get_error
 * @IOASID_ERROR_RANGE: @out_start and @out_last say something
 */
enum ioasid_error_flags {
	IOASID_ERROR_RANGE = 1 << 0,
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
 * before VFIO_CDEV_BIND.
 *
 * The file keeps the refusals of the 64 threads that were refused last. The
 * sentence is for people: it is English, in ASCII, one line without a full stop,
 * and may change.
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

#endif

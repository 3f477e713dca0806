/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What iommufd_ext exports to drivers of assigned and of emulated devices.
 *
 * The names are those of mainline's <linux/iommufd.h> with our prefix, and so
 * are the semantics, unless the kernel-doc at the definition says otherwise. All
 * symbols are in the namespace IOMMUFD_EXT.
 *
 * A driver written for mainline is ported by renaming: iommufd_ becomes
 * iommufd_ext_, IOMMUFD_ becomes IOMMUFD_EXT_, also in MODULE_IMPORT_NS(), and
 * <linux/iommufd.h> this file. What renaming does not give:
 *  - Until 6.14 mainline's attach, replace and detach of a device had no pasid. It
 *    is IOMMU_NO_PASID.
 *  - iommufd_vfio_compat_ioas_get_id(), iommufd_vfio_compat_ioas_create() and
 *    iommufd_vfio_compat_set_no_iommu(), of the namespace IOMMUFD_VFIO, are for the
 *    containers of the VFIO core. The kernel's knows its own iommufd only, and so do
 *    its vfio_iommufd_*() helpers: a VFIO driver calls these functions itself.
 *  - struct iommufd_viommu, iommufd_vdevice and iommufd_hw_queue, and what goes with
 *    them, are for IOMMU drivers, and a kernel without iommufd has none that use
 *    them.
 *  - There are no stubs for a kernel without iommufd_ext.
 *  - The ioctls' structures are in <uapi/linux/ioasid.h>.
 */
#ifndef _IOMMUFD_EXT_H
#define _IOMMUFD_EXT_H

#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/stdarg.h>
#include <linux/types.h>

struct device;
struct dma_buf;
struct dma_buf_ops;
struct file;
struct iommu_group;
struct iommufd_ext_access;
struct iommufd_ext_ctx;
struct iommufd_ext_device;
struct page;
struct pid;

/* Requests without a PASID; <linux/iommu.h> names them so since 6.4. */
#ifndef IOMMU_NO_PASID
#define IOMMU_NO_PASID 0
#endif

struct iommufd_ext_ctx *iommufd_ext_ctx_from_file(struct file *filp);
struct iommufd_ext_ctx *iommufd_ext_ctx_from_fd(int fd);
void iommufd_ext_ctx_get(struct iommufd_ext_ctx *ictx);
void iommufd_ext_ctx_put(struct iommufd_ext_ctx *ictx);
bool iommufd_ext_ctx_has_group(struct iommufd_ext_ctx *ictx,
			       struct iommu_group *group);

struct iommufd_ext_device *iommufd_ext_device_bind(struct iommufd_ext_ctx *ictx,
						   struct device *dev, u32 *id);
void iommufd_ext_device_unbind(struct iommufd_ext_device *idev);

int iommufd_ext_device_attach(struct iommufd_ext_device *idev, u32 pasid,
			      u32 *pt_id);
int iommufd_ext_device_replace(struct iommufd_ext_device *idev, u32 pasid,
			       u32 *pt_id);
int iommufd_ext_device_detach(struct iommufd_ext_device *idev, u32 pasid);
int iommufd_ext_device_attached(struct iommufd_ext_device *idev, u32 pasid);

struct iommufd_ext_ctx *
iommufd_ext_device_to_ictx(struct iommufd_ext_device *idev);
u32 iommufd_ext_device_to_id(struct iommufd_ext_device *idev);

/**
 * struct iommufd_ext_access_ops - what a driver that reads and writes memory by
 *	IOVA is told
 * @needs_pin_pages: the driver will call iommufd_ext_access_pin_pages(); IOVAs and
 *	memory of the IOAS are then aligned to pages
 * @unmap: a range goes out of the IOAS, or the driver is being detached from it,
 *	then @iova is 0 and @length ULONG_MAX. The driver unpins, before it
 *	returns, all it has pinned that overlaps the range. It can be asked for a
 *	range it has not pinned. Called with no lock held; NULL without
 *	@needs_pin_pages only
 */
struct iommufd_ext_access_ops {
	u8 needs_pin_pages : 1;
	void (*unmap)(void *data, unsigned long iova, unsigned long length);
};

/* Flags of iommufd_ext_access_pin_pages() and iommufd_ext_access_rw(). */
enum {
	IOMMUFD_EXT_ACCESS_RW_READ = 0,
	IOMMUFD_EXT_ACCESS_RW_WRITE = 1 << 0,
	/* rw in a kernel thread: it may borrow the owner's address space. */
	IOMMUFD_EXT_ACCESS_RW_KTHREAD = 1 << 1,
	/* rw for tests: as if the caller was not the owner of the memory. */
	__IOMMUFD_EXT_ACCESS_RW_SLOW_PATH = 1 << 2,
};

struct iommufd_ext_access *
iommufd_ext_access_create(struct iommufd_ext_ctx *ictx,
			  const struct iommufd_ext_access_ops *ops, void *data,
			  u32 *id);
void iommufd_ext_access_destroy(struct iommufd_ext_access *access);
int iommufd_ext_access_attach(struct iommufd_ext_access *access, u32 ioas_id);
int iommufd_ext_access_replace(struct iommufd_ext_access *access, u32 ioas_id);
void iommufd_ext_access_detach(struct iommufd_ext_access *access);
int iommufd_ext_access_pin_pages(struct iommufd_ext_access *access,
				 unsigned long iova, unsigned long length,
				 struct page **out_pages, unsigned int flags);
void iommufd_ext_access_unpin_pages(struct iommufd_ext_access *access,
				    unsigned long iova, unsigned long length);
int iommufd_ext_access_rw(struct iommufd_ext_access *access, unsigned long iova,
			  void *data, size_t len, unsigned int flags);

/**
 * struct iommufd_ext_dmabuf_exporter - a driver whose dma-bufs IOASID_IOAS_MAP_FILE
 *	takes
 * @ops: what all its dma-bufs have, and no others
 * @get_phys: says where the memory of a dma-buf is: one range of whole pages that
 *	stays there until iommufd_ext_dmabuf_revoke(). An error, -ENODEV for
 *	memory that is out of reach for now, is that of the ioctl. Called with a
 *	lock held under which that function waits; must not sleep for memory of
 *	user space
 * @item: for iommufd_ext
 */
struct iommufd_ext_dmabuf_exporter {
	const struct dma_buf_ops *ops;
	int (*get_phys)(struct dma_buf *buf, phys_addr_t *paddr, size_t *size);
	struct list_head item;
};

void iommufd_ext_dmabuf_register(struct iommufd_ext_dmabuf_exporter *exporter);
void iommufd_ext_dmabuf_unregister(struct iommufd_ext_dmabuf_exporter *exporter);
void iommufd_ext_dmabuf_revoke(struct dma_buf *buf);

bool iommufd_ext_device_supported(struct device *dev);
bool iommufd_ext_device_enforced_coherent(struct device *dev);

/**
 * struct iommufd_ext_standing - why another part of the kernel refuses a file
 * @error: errno, greater than 0
 * @cmd: number of the ioctl that it refuses
 * @text: the sentence
 */
struct iommufd_ext_standing {
	int error;
	u32 cmd;
	const char *text;
};

/**
 * struct iommufd_ext_errors - the last refusals of an open file, by thread
 * @lock: protects the rest; innermost
 * @records: what calls have failed with, one for each thread
 * @pending: what was said in calls that have not failed yet, one for each thread
 * @nr_records: how many @records there are
 * @nr_pending: how many @pending there are; read without the lock, too
 * @standing: what a thread is told that was refused nothing, or NULL; set before the
 *	file is open, and there until it is closed
 */
struct iommufd_ext_errors {
	spinlock_t lock; /* innermost */
	struct list_head records;
	struct list_head pending;
	unsigned int nr_records;
	unsigned int nr_pending;
	const struct iommufd_ext_standing *standing;
};

/**
 * struct iommufd_ext_about - what a refusal concerns
 * @ids: ids of objects, 0 for none
 * @has_range: @start and @last say something
 * @over_limit: more memory would be locked than may be: the kernel log says so, too
 * @start: first address
 * @last: last address
 */
struct iommufd_ext_about {
	u32 ids[2];
	bool has_range;
	bool over_limit;
	u64 start;
	u64 last;
};

/**
 * struct iommufd_ext_group_member - a device of an IOMMU group, at some moment
 * @name: of the device
 * @driver: name of its driver, empty for none
 * @blocks: the driver does DMA for the kernel, and keeps others from claiming the
 *	group
 */
struct iommufd_ext_group_member {
	char name[32];
	char driver[32];
	bool blocks;
};

/**
 * struct iommufd_ext_subject - the device that a question on a driver's file is about
 * @hold: keeps the driver from leaving, and fills in @dev and @open. An error is that of the
 *	ioctl, and has been said
 * @release: undoes @hold
 * @dev: the device
 * @open: somebody uses the device, so that it cannot be bound
 *
 * No memory of user space is touched between the two: it can take as long as its owner
 * likes, and the driver would wait for it.
 */
struct iommufd_ext_subject {
	int (*hold)(struct iommufd_ext_subject *subject);
	void (*release)(struct iommufd_ext_subject *subject);
	struct device *dev;
	bool open;
};

/**
 * struct iommufd_ext_last_user - the process that has called an open file last
 * @lock: protects changes of @process, and reading it for more than a comparison;
 *	innermost
 * @process: the process, referenced; NULL until the first call
 */
struct iommufd_ext_last_user {
	spinlock_t lock; /* innermost */
	struct pid *process;
};

/**
 * enum iommufd_ext_process_state - what somebody may know of a process
 * @IOMMUFD_EXT_PROCESS_SEEN: what it is called
 * @IOMMUFD_EXT_PROCESS_HIDDEN: that it is there
 * @IOMMUFD_EXT_PROCESS_ENDED: that it has ended; its number may be another's
 */
enum iommufd_ext_process_state {
	IOMMUFD_EXT_PROCESS_SEEN,
	IOMMUFD_EXT_PROCESS_HIDDEN,
	IOMMUFD_EXT_PROCESS_ENDED,
};

/**
 * struct iommufd_ext_process - a process, as somebody may know it
 * @state: how much that is
 * @pid: its number for who asks, if it is seen; else 0
 * @comm: its command, if it is seen; else empty. Any bytes: a process chooses
 */
struct iommufd_ext_process {
	enum iommufd_ext_process_state state;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/**
 * struct iommufd_ext_whose - whose something is, as somebody may know it
 * @holder: the process that has bound it
 * @passed_on: another process has called the file last
 * @last: that process, if @passed_on
 * @text: all of this for a sentence, as "process 12 (one), and used last by process 13
 *	(two)"; bytes of commands as they are
 */
struct iommufd_ext_whose {
	struct iommufd_ext_process holder;
	bool passed_on;
	struct iommufd_ext_process last;
	char text[96];
};

void iommufd_ext_last_user_init(struct iommufd_ext_last_user *last);
void iommufd_ext_last_user_destroy(struct iommufd_ext_last_user *last);
void iommufd_ext_last_user_set(struct iommufd_ext_last_user *last);
struct pid *iommufd_ext_last_user_get(struct iommufd_ext_last_user *last);
void iommufd_ext_describe_whose(struct iommufd_ext_whose *whose,
				struct pid *holder, struct pid *last, bool log);

/**
 * iommufd_ext_used() - a call begins
 * @last: of the file it is made on
 */
static inline void iommufd_ext_used(struct iommufd_ext_last_user *last)
{
	/* A reference is held on what is stored: none of another process is there. */
	if (unlikely(READ_ONCE(last->process) != task_tgid(current)))
		iommufd_ext_last_user_set(last);
}

void iommufd_ext_group_member_describe(struct device *dev,
				       struct iommufd_ext_group_member *member);

void iommufd_ext_errors_init(struct iommufd_ext_errors *errors);
void iommufd_ext_errors_destroy(struct iommufd_ext_errors *errors);
void iommufd_ext_errors_forget(struct iommufd_ext_errors *errors);
int iommufd_ext_errors_end(struct iommufd_ext_errors *errors, int rc, u32 cmd,
			   const char *name);
int iommufd_ext_errors_take(struct iommufd_ext_errors *errors,
			    struct iommufd_ext_ctx *ictx, int rc);
int iommufd_ext_get_error_ioctl(struct iommufd_ext_errors *errors,
				void __user *arg);
__cold int iommufd_ext_refuse_fault(struct iommufd_ext_errors *errors,
				    const char *what, const void __user *uptr);
int iommufd_ext_copy_struct(struct iommufd_ext_errors *errors, void *cmd,
			    size_t known, const void __user *uptr, u32 size);
bool iommufd_ext_can_answer(void __user *uptr, size_t size);
int iommufd_ext_answer(struct iommufd_ext_errors *errors, void __user *uptr,
		       const void *answer, size_t size);
int iommufd_ext_group_info_ioctl(struct iommufd_ext_errors *errors,
				 struct iommufd_ext_ctx *ictx,
				 struct iommufd_ext_subject *subject,
				 void __user *arg);
int iommufd_ext_features_ioctl(struct iommufd_ext_errors *errors,
			       struct iommufd_ext_subject *subject, u64 more,
			       void __user *arg);
__printf(4, 0) __cold
	int iommufd_ext_vrefuse(struct iommufd_ext_errors *errors, int rc,
				const struct iommufd_ext_about *about,
				const char *fmt, va_list args);
__printf(4, 5) __cold
	int iommufd_ext_refuse(struct iommufd_ext_errors *errors, int rc,
			       const struct iommufd_ext_about *about,
			       const char *fmt, ...);

/**
 * iommufd_ext_errors_begin() - a call begins
 * @errors: of the file it is made on
 *
 * What this thread said in an earlier call, and did not fail with, is no reason for
 * a failure of this one.
 */
static inline void iommufd_ext_errors_begin(struct iommufd_ext_errors *errors)
{
	/* Of this thread's, the glance without the lock sees all. */
	if (unlikely(READ_ONCE(errors->nr_pending)))
		iommufd_ext_errors_forget(errors);
}

#endif

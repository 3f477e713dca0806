// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O address space object and its ioctls: they check arguments, the work
 * is in mapping.c and iova.c.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "compat/mm.h"
#include "ioctl.h"
#include "selftest/selftest.h"

/* IOASID_IOAS_ALLOC */
int ioas_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_alloc *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc;

	if (cmd->flags)
		return refuse_flags(ucmd->ictx, cmd->flags);

	ioas = kzalloc(sizeof(*ioas), GFP_KERNEL_ACCOUNT);
	if (!ioas)
		return -ENOMEM;
	ioas->ictx = ucmd->ictx;
	init_rwsem(&ioas->domains_rwsem);
	INIT_LIST_HEAD(&ioas->tables);
	mutex_init(&ioas->iova_lock);
	ioas->areas = RB_ROOT;
	ioas->reserved = RB_ROOT_CACHED;
	ioas->reserved_by = RB_ROOT;
	ioas->allowed = RB_ROOT_CACHED;
	ioas->iova_alignment = 1;
	ioas->large_pages = true;
	xa_init_flags(&ioas->listeners, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);

	rc = obj_reserve(ucmd->ictx, &ioas->obj, OBJ_IOAS);
	if (rc) {
		kfree(ioas);
		return rc;
	}
	ucmd->new_obj = &ioas->obj;

	cmd->out_ioas_id = ioas->obj.id;
	return ucmd_respond(ucmd, sizeof(*cmd));
}

/*
 * For an IOAS that no page table follows and no ioctl is at work on. Frees its mappings,
 * too.
 */
void ioas_free(struct iommufd_ext_ctx *ictx, struct ioas *ioas)
{
	struct area *area, *next;

	xa_lock(&ictx->objects);
	if (ictx->vfio_ioas == ioas)
		ictx->vfio_ioas = NULL;
	xa_unlock(&ictx->objects);

	WARN_ON(!list_empty(&ioas->tables));
	selftest_free_ioas(ioas);
	WARN_ON(!RB_EMPTY_ROOT(&ioas->reserved.rb_root));
	WARN_ON(!xa_empty(&ioas->listeners));

	/* Without a page table, nothing is pinned. */
	rbtree_postorder_for_each_entry_safe(area, next, &ioas->areas, node) {
		if (!area->going)
			ctx_count_areas(ictx, -1, -area_length(area));
		area_free(area);
		cond_resched();
	}
	iova_free_allowed(&ioas->allowed);
	mutex_destroy(&ioas->iova_lock);
	kfree(ioas);
}

/* Returns 1 for a range, 0 behind the last one, or -EINTR. */
static int next_range(struct ioas *ioas, unsigned long from,
		      struct ioasid_iova_range *range)
{
	unsigned long start, last;
	bool found;

	if (mutex_lock_killable(&ioas->iova_lock))
		return -EINTR;
	found = iova_next_range(ioas, from, &start, &last);
	mutex_unlock(&ioas->iova_lock);

	range->start = start;
	range->last = last;
	return found;
}

/*
 * Counts all ranges, and writes those there is room for. No lock is held while
 * user memory is written, which can take as long as the user likes.
 */
static int list_ranges(struct ioas *ioas,
		       struct ioasid_iova_range __user *ranges, u32 room,
		       u32 *count)
{
	struct ioasid_iova_range range;
	unsigned long from = 0;
	int rc;

	*count = 0;
	while ((rc = next_range(ioas, from, &range)) > 0) {
		if (*count < room &&
		    copy_to_user(&ranges[*count], &range, sizeof(range)))
			return refuse_fault(ioas->ictx, "the array of ranges",
					    ranges);
		(*count)++;
		rc = resched_killable();
		if (rc || range.last == ULONG_MAX)
			return rc;
		from = range.last + 1;
	}
	return rc;
}

/*
 * IOASID_IOAS_IOVA_RANGES. With -EMSGSIZE, if not all fit, the number of ranges is
 * returned.
 */
int ioas_iova_ranges_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_iova_ranges *cmd = ucmd->cmd;
	u32 room = cmd->num_iovas;
	struct ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved(ucmd->ictx);
	ioas = ioas_get(ucmd->ictx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;

	cmd->out_iova_alignment = READ_ONCE(ioas->iova_alignment);
	rc = list_ranges(ioas, u64_to_user_ptr(cmd->allowed_iovas), room,
			 &cmd->num_iovas);
	obj_put(ucmd->ictx, &ioas->obj);
	if (rc)
		return rc;

	rc = ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		return rc;
	if (cmd->num_iovas > room)
		return refuse_id(ucmd->ictx, -EMSGSIZE, cmd->ioas_id,
				 "the array has room for %u ranges, and there are %u",
				 room, cmd->num_iovas);
	return 0;
}

static int load_allowed(struct ioas *ioas, struct rb_root_cached *allowed,
			struct ioasid_iova_range __user *ranges, u32 num)
{
	struct ioasid_iova_range range;
	int rc;
	u32 i;

	for (i = 0; i < num; i++) {
		if (copy_from_user(&range, &ranges[i], sizeof(range)))
			return refuse_fault(ioas->ictx, "the array of ranges",
					    ranges);
		rc = -EINVAL;
		if (range.last <= ULONG_MAX)
			rc = iova_add_allowed(allowed, range.start, range.last);
		if (rc == -EINVAL)
			return refuse_range(ioas->ictx, rc, ioas->obj.id,
					    range.start, range.last,
					    "entry %u, %#llx-%#llx, is empty or overlaps another",
					    i, range.start, range.last);
		if (!rc)
			rc = resched_killable();
		if (rc)
			return rc;
	}
	return 0;
}

/* IOASID_IOAS_ALLOW_IOVAS */
int ioas_allow_iovas_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_allow_iovas *cmd = ucmd->cmd;
	struct rb_root_cached allowed = RB_ROOT_CACHED;
	struct ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved(ucmd->ictx);
	ioas = ioas_get(ucmd->ictx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;

	rc = load_allowed(ioas, &allowed, u64_to_user_ptr(cmd->allowed_iovas),
			  cmd->num_iovas);
	if (!rc)
		rc = iova_swap_allowed(ioas, &allowed);
	/* The old ones, or the new ones if they were refused. */
	iova_free_allowed(&allowed);
	obj_put(ucmd->ictx, &ioas->obj);
	return rc;
}

#define MAP_ACCESS_FLAGS (IOASID_IOAS_MAP_WRITEABLE | IOASID_IOAS_MAP_READABLE)
#define MAP_FLAGS (IOASID_IOAS_MAP_FIXED_IOVA | MAP_ACCESS_FLAGS)

static int prot_from_flags(u32 flags)
{
	/* DMA of an assigned device is coherent: bind insists on it. */
	int prot = IOMMU_CACHE;

	if (flags & IOASID_IOAS_MAP_READABLE)
		prot |= IOMMU_READ;
	if (flags & IOASID_IOAS_MAP_WRITEABLE)
		prot |= IOMMU_WRITE;
	return prot;
}

static int check_flags(struct iommufd_ext_ctx *ictx, u32 flags)
{
	return flags & ~MAP_FLAGS ? refuse_flags(ictx, flags & ~MAP_FLAGS) : 0;
}

static int check_fits(struct iommufd_ext_ctx *ictx, const char *name, u64 value)
{
	if (value < ULONG_MAX)
		return 0;
	return refuse(ictx, -EOVERFLOW, "the %s %#llx is too large", name,
		      value);
}

/* What MAP, MAP_FILE and COPY are given, in the order it is to be refused. */
static int check_map(struct iommufd_ext_ctx *ictx, u32 flags, u64 iova,
		     u64 length)
{
	int rc;

	rc = check_flags(ictx, flags);
	if (!rc)
		rc = check_fits(ictx, "IOVA", iova);
	if (!rc)
		rc = check_fits(ictx, "length", length);
	if (!rc && !(flags & MAP_ACCESS_FLAGS))
		rc = refuse(ictx, -EINVAL,
			    "neither READABLE nor WRITEABLE is in the flags");
	return rc;
}

/* The size of the memory, in whole pages, must not wrap. */
static int check_size(struct iommufd_ext_ctx *ictx, u64 length)
{
	if (length && length <= SIZE_MAX - PAGE_SIZE)
		return 0;
	return refuse(ictx, -EINVAL, "the length %#llx cannot be mapped",
		      length);
}

static int refuse_wrapping(struct iommufd_ext_ctx *ictx, u64 start, u64 length)
{
	return refuse(ictx, -EOVERFLOW,
		      "memory of %#llx bytes at %#llx does not end", length,
		      start);
}

static int check_memory(struct iommufd_ext_ctx *ictx, u64 uptr, u64 length)
{
	u64 end;

	if (check_add_overflow(uptr, length, &end) || end > ULONG_MAX)
		return refuse_wrapping(ictx, uptr, length);
	return check_size(ictx, length);
}

/* Offsets in a file, unlike addresses, may go to the very last. */
static int check_file_range(struct iommufd_ext_ctx *ictx, u64 start, u64 length)
{
	u64 last;

	if (length && (check_add_overflow(start, length - 1, &last) ||
		       last > ULONG_MAX))
		return refuse_wrapping(ictx, start, length);
	return check_size(ictx, length);
}

/*
 * Give the user the one member of the answer that is new. It is in the first version of
 * the structure.
 */
static int respond_u64(struct ucmd *ucmd, const u64 *member)
{
	void __user *to = ucmd->ubuffer + ((void *)member - ucmd->cmd);

	return put_user(*member, (u64 __user *)to);
}

/*
 * Give areas their IOVAs, tell the user, and publish them. The answer goes out
 * while they can still be dropped. On failure they are the caller's to free.
 * @ucmd is NULL for a caller in the kernel, who needs no answer.
 */
static int map_areas(struct ucmd *ucmd, struct ioas *ioas, struct area **areas,
		     unsigned int nr, bool fixed, u64 *cmd_iova)
{
	u64 user_iova = *cmd_iova;
	unsigned long iova = user_iova;
	int rc;

	rc = iova_insert(ioas, areas, nr, fixed, &iova);
	if (rc)
		return rc;

	*cmd_iova = iova;
	rc = ucmd ? respond_u64(ucmd, cmd_iova) : 0;
	if (rc) {
		ucmd_refuse_answer(ucmd);
		goto err_remove;
	}
	rc = ioas_publish_areas(ioas, areas, nr);
	if (rc)
		goto err_take_back;
	return 0;

err_take_back:
	*cmd_iova = user_iova;
	/* The first error is the answer, whether or not this succeeds. */
	if (ucmd)
		respond_u64(ucmd, cmd_iova);
err_remove:
	iova_remove_areas(ioas, areas, nr);
	return rc;
}

/* map_areas() for one, which is freed on failure; NULL is one that was not made. */
static int map_area(struct ucmd *ucmd, struct ioas *ioas, struct area *area,
		    bool fixed, u64 *cmd_iova)
{
	int rc;

	if (!area)
		return -ENOMEM;
	rc = map_areas(ucmd, ioas, &area, 1, fixed, cmd_iova);
	if (rc)
		area_drop(area);
	return rc;
}

/* IOASID_IOAS_MAP */
int ioas_map_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_map *cmd = ucmd->cmd;
	struct ioas *ioas;
	struct area *area;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved(ucmd->ictx);
	rc = check_map(ucmd->ictx, cmd->flags, cmd->iova, cmd->length);
	if (rc)
		return rc;

	ioas = ioas_get(ucmd->ictx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	rc = check_memory(ucmd->ictx, cmd->user_va, cmd->length);
	if (rc)
		goto out_put;
	area = area_alloc(ucmd->ictx, cmd->user_va, cmd->length,
			  prot_from_flags(cmd->flags));
	rc = map_area(ucmd, ioas, area, cmd->flags & IOASID_IOAS_MAP_FIXED_IOVA,
		      &cmd->iova);
out_put:
	obj_put(ucmd->ictx, &ioas->obj);
	return rc;
}

/*
 * What mmap() asks of a file descriptor, whichever way the memory is pinned. Nobody asks
 * it of a dma-buf before a device gets it: most are open for reading, and written.
 */
static int check_file_mode(struct iommufd_ext_ctx *ictx, const struct file *file,
			   u32 flags)
{
	if (!(file->f_mode & FMODE_READ))
		return refuse(ictx, -EACCES,
			      "the file descriptor is not open for reading, as a mapping needs it");
	if ((flags & IOASID_IOAS_MAP_WRITEABLE) &&
	    !(file->f_mode & FMODE_WRITE))
		return refuse(ictx, -EACCES,
			      "the file descriptor is open for reading only");
	return 0;
}

static int map_file_at_work(struct ucmd *ucmd, struct ioas *ioas,
			    struct file *file)
{
	struct ioasid_ioas_map_file *cmd = ucmd->cmd;
	struct dmabuf_memory *memory;
	struct area *area;
	int rc;

	/* Now and not when it is pinned: this very file would hold itself open. */
	if (ext_is_memfd(file)) {
		rc = check_file_mode(ucmd->ictx, file, cmd->flags);
		if (rc)
			return rc;
		area = area_alloc_file(ucmd->ictx, file, cmd->start,
				       cmd->length,
				       prot_from_flags(cmd->flags));
	} else {
		memory = dmabuf_memory_alloc(ucmd->ictx, cmd->fd, cmd->start,
					     cmd->length);
		if (IS_ERR(memory))
			return PTR_ERR(memory);
		area = area_alloc_dmabuf(ucmd->ictx, memory, cmd->start,
					 cmd->length,
					 prot_from_flags(cmd->flags));
	}
	return map_area(ucmd, ioas, area,
			cmd->flags & IOASID_IOAS_MAP_FIXED_IOVA, &cmd->iova);
}

/* IOASID_IOAS_MAP_FILE */
int ioas_map_file_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_map_file *cmd = ucmd->cmd;
	struct file *file;
	struct ioas *ioas;
	int rc;

	rc = check_map(ucmd->ictx, cmd->flags, cmd->iova, cmd->length);
	if (rc)
		return rc;

	ioas = ioas_get(ucmd->ictx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	rc = check_file_range(ucmd->ictx, cmd->start, cmd->length);
	if (rc)
		goto out_put;
	file = fget(cmd->fd);
	if (file) {
		rc = map_file_at_work(ucmd, ioas, file);
		fput(file);
	} else {
		rc = refuse(ucmd->ictx, -EBADF,
			    "file descriptor %d is not open", cmd->fd);
	}
out_put:
	obj_put(ucmd->ictx, &ioas->obj);
	return rc;
}

/*
 * Maps memory of the calling process at @iova for a caller in the kernel, with the
 * errors of IOASID_IOAS_MAP. @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE.
 * Context: may sleep, faults and pins user memory.
 */
int ioas_map_fixed(struct iommufd_ext_ctx *ictx, struct ioas *ioas, u64 iova,
		   u64 uptr, u64 length, int prot)
{
	int rc;

	rc = check_memory(ictx, uptr, length);
	if (rc)
		return rc;
	/* No page table has entries that are present and of no use. */
	if (!(prot & (IOMMU_READ | IOMMU_WRITE)))
		return refuse(ictx, -EINVAL,
			      "the memory is mapped neither for reading nor for writing");
	return map_area(NULL, ioas, area_alloc(ictx, uptr, length, prot), true,
			&iova);
}

static void free_slices(struct list_head *slices)
{
	struct slice *slice, *next;

	list_for_each_entry_safe(slice, next, slices, item) {
		shared_pages_put(slice->shared);
		kfree(slice);
		cond_resched();
	}
}

static void free_areas(struct area **areas, unsigned int nr)
{
	while (nr--) {
		area_drop(areas[nr]);
		cond_resched();
	}
	kvfree(areas);
}

/*
 * New areas of the memory of @slices, one behind the other from IOVA 0 on. Returns NULL
 * without memory, an ERR_PTR if the process is being killed.
 */
static struct area **alloc_areas(struct list_head *slices, int prot,
				 unsigned int *nr)
{
	unsigned long iova = 0;
	struct area **areas;
	struct slice *slice;
	unsigned int n = 0;

	list_for_each_entry(slice, slices, item) {
		n++;
		cond_resched();
	}
	/* Too many for an array is no reason for a warning. */
	areas = kvmalloc_array(n, sizeof(*areas),
			       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!areas)
		return NULL;

	n = 0;
	list_for_each_entry(slice, slices, item) {
		areas[n] = area_alloc_slice(slice, prot);
		if (!areas[n]) {
			free_areas(areas, n);
			return NULL;
		}
		areas[n]->iova += iova;
		areas[n]->last += iova;
		iova += slice->length;
		n++;
		if (resched_killable()) {
			free_areas(areas, n);
			return ERR_PTR(-EINTR);
		}
	}
	*nr = n;
	return areas;
}

static int copy_to_ioas(struct ucmd *ucmd, struct ioas *dst,
			struct list_head *slices)
{
	struct ioasid_ioas_copy *cmd = ucmd->cmd;
	struct area **areas;
	unsigned int nr;
	int rc;

	areas = alloc_areas(slices, prot_from_flags(cmd->flags), &nr);
	if (IS_ERR_OR_NULL(areas))
		return areas ? PTR_ERR(areas) : -ENOMEM;
	rc = map_areas(ucmd, dst, areas, nr,
		       cmd->flags & IOASID_IOAS_MAP_FIXED_IOVA, &cmd->dst_iova);
	if (rc)
		free_areas(areas, nr);
	else
		kvfree(areas);
	return rc;
}

static int check_range(struct iommufd_ext_ctx *ictx, u64 iova, u64 length,
		       unsigned long *last)
{
	if (!length)
		return refuse(ictx, -EINVAL, "the length is 0");
	if (check_add_overflow((unsigned long)iova, (unsigned long)length - 1,
			       last))
		return refuse(ictx, -EOVERFLOW,
			      "%#llx bytes from IOVA %#llx reach beyond the last IOVA",
			      length, iova);
	return 0;
}

static int copy_from_ioas(struct ucmd *ucmd, struct list_head *slices)
{
	struct ioasid_ioas_copy *cmd = ucmd->cmd;
	unsigned long last;
	struct ioas *src;
	int rc;

	src = ioas_get(ucmd->ictx, cmd->src_ioas_id);
	if (!src)
		return -ENOENT;
	rc = check_range(ucmd->ictx, cmd->src_iova, cmd->length, &last);
	if (!rc)
		rc = ioas_take_slices(src, cmd->src_iova, last, slices);
	obj_put(ucmd->ictx, &src->obj);
	return rc;
}

/* IOASID_IOAS_COPY */
int ioas_copy_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_copy *cmd = ucmd->cmd;
	LIST_HEAD(slices);
	struct ioas *dst;
	int rc;

	rc = check_flags(ucmd->ictx, cmd->flags);
	if (!rc)
		rc = check_fits(ucmd->ictx, "source IOVA", cmd->src_iova);
	if (!rc)
		rc = check_map(ucmd->ictx, cmd->flags, cmd->dst_iova,
			       cmd->length);
	if (rc)
		return rc;

	if (down_read_killable(&ucmd->ictx->copy_rwsem))
		return -EINTR;
	rc = copy_from_ioas(ucmd, &slices);
	if (rc)
		goto out_free;
	dst = ioas_get(ucmd->ictx, cmd->dst_ioas_id);
	if (!dst) {
		rc = -ENOENT;
		goto out_free;
	}
	rc = copy_to_ioas(ucmd, dst, &slices);
	obj_put(ucmd->ictx, &dst->obj);
out_free:
	free_slices(&slices);
	up_read(&ucmd->ictx->copy_rwsem);
	return rc;
}

static int check_unmap(struct iommufd_ext_ctx *ictx, u64 iova, u64 length,
		       unsigned long *last)
{
	int rc;

	rc = check_fits(ictx, "IOVA", iova);
	if (!rc)
		rc = check_fits(ictx, "length", length);
	return rc ?: check_range(ictx, iova, length, last);
}

static int refuse_unmapped(struct ioas *ioas, unsigned long iova,
			   unsigned long last)
{
	return refuse_range(ioas->ictx, -ENOENT, ioas->obj.id, iova, last,
			    "nothing is mapped at %#lx-%#lx", iova, last);
}

/* IOASID_IOAS_UNMAP */
int ioas_unmap_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_unmap *cmd = ucmd->cmd;
	bool all = !cmd->iova && cmd->length == U64_MAX;
	unsigned long unmapped, last = ULONG_MAX;
	struct ioas *ioas;
	int rc;

	ioas = ioas_get(ucmd->ictx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;

	if (!all) {
		rc = check_unmap(ucmd->ictx, cmd->iova, cmd->length, &last);
		if (rc)
			goto out_put;
	}
	rc = ioas_unmap(ioas, cmd->iova, last, &unmapped);
	if (!rc && !unmapped && !all)
		rc = refuse_unmapped(ioas, cmd->iova, last);
	if (rc)
		goto out_put;
	cmd->length = unmapped;
	if (respond_u64(ucmd, &cmd->length))
		rc = ucmd_refuse_answer(ucmd);
out_put:
	obj_put(ucmd->ictx, &ioas->obj);
	return rc;
}

#define UNMAP_PARTIAL_FLAGS \
	(IOASID_UNMAP_PARTIAL_SPLIT | IOASID_UNMAP_PARTIAL_NO_FAULT)

static int unmap_partial_at_work(struct ucmd *ucmd, struct ioas *ioas)
{
	struct ioasid_ioas_unmap_partial *cmd = ucmd->cmd;
	unsigned long unmapped = 0, last;
	int rc;

	rc = check_unmap(ucmd->ictx, cmd->iova, cmd->length, &last);
	if (rc)
		return rc;
	rc = ioas_split(ioas, cmd->iova, last,
			cmd->flags & IOASID_UNMAP_PARTIAL_NO_FAULT);
	if (rc)
		return rc;
	if (!(cmd->flags & IOASID_UNMAP_PARTIAL_SPLIT)) {
		rc = ioas_unmap(ioas, cmd->iova, last, &unmapped);
		if (!rc && !unmapped)
			rc = refuse_unmapped(ioas, cmd->iova, last);
	}
	if (rc)
		return rc;
	cmd->length = unmapped;
	return ucmd_respond(ucmd, sizeof(*cmd));
}

/* IOASID_IOAS_UNMAP_PARTIAL */
int ioas_unmap_partial_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_unmap_partial *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc;

	if (cmd->flags & ~UNMAP_PARTIAL_FLAGS)
		return refuse_flags(ucmd->ictx,
				    cmd->flags & ~UNMAP_PARTIAL_FLAGS);
	if (cmd->__reserved)
		return refuse_reserved(ucmd->ictx);
	ioas = ioas_get(ucmd->ictx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	rc = unmap_partial_at_work(ucmd, ioas);
	obj_put(ucmd->ictx, &ioas->obj);
	return rc;
}

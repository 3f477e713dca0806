// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O address space object and its ioctls: they check arguments, the work
 * is in mapping.c and iova.c.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/ioasid.h>

#include "private.h"

static struct ioas *ioas_get(struct iommufd_ext_ctx *ictx, u32 id)
{
	struct obj *obj = obj_get(ictx, id, OBJ_IOAS);

	return obj ? container_of(obj, struct ioas, obj) : NULL;
}

/**
 * ioas_alloc_ioctl() - IOASID_IOAS_ALLOC
 * @ucmd: the command
 *
 * Return: 0; -EOPNOTSUPP for flags; -ENOMEM; -EFAULT.
 */
int ioas_alloc_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_alloc *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;

	ioas = kzalloc(sizeof(*ioas), GFP_KERNEL_ACCOUNT);
	if (!ioas)
		return -ENOMEM;
	init_rwsem(&ioas->domains_rwsem);
	INIT_LIST_HEAD(&ioas->hwpts);
	mutex_init(&ioas->iova_lock);
	ioas->areas = RB_ROOT;
	ioas->reserved = RB_ROOT_CACHED;
	ioas->iova_alignment = 1;
	ioas->large_pages = true;

	rc = obj_reserve(ucmd->ictx, &ioas->obj, OBJ_IOAS);
	if (rc) {
		kfree(ioas);
		return rc;
	}
	ucmd->new_obj = &ioas->obj;

	cmd->out_ioas_id = ioas->obj.id;
	return ucmd_respond(ucmd, sizeof(*cmd));
}

/**
 * ioas_free() - free an IOAS and its mappings
 * @ioas: an IOAS no page table follows and no ioctl is at work on
 */
void ioas_free(struct ioas *ioas)
{
	struct area *area, *next;

	WARN_ON(!list_empty(&ioas->hwpts));
	WARN_ON(!RB_EMPTY_ROOT(&ioas->reserved.rb_root));

	/* Without a page table, nothing is pinned. */
	rbtree_postorder_for_each_entry_safe(area, next, &ioas->areas, node) {
		area_free(area);
		cond_resched();
	}
	mutex_destroy(&ioas->iova_lock);
	kfree(ioas);
}

static bool next_range(struct ioas *ioas, unsigned long from,
		       struct ioasid_iova_range *range)
{
	unsigned long start, last;
	bool found;

	mutex_lock(&ioas->iova_lock);
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

	*count = 0;
	while (next_range(ioas, from, &range)) {
		if (*count < room &&
		    copy_to_user(&ranges[*count], &range, sizeof(range)))
			return -EFAULT;
		(*count)++;
		if (range.last == ULONG_MAX)
			break;
		from = range.last + 1;
	}
	return 0;
}

/**
 * ioas_iova_ranges_ioctl() - IOASID_IOAS_IOVA_RANGES
 * @ucmd: the command
 *
 * Return: 0; -EOPNOTSUPP for reserved members; -ENOENT for an unknown IOAS;
 * -EMSGSIZE, with the number of ranges returned, if not all fit; -EFAULT.
 */
int ioas_iova_ranges_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_iova_ranges *cmd = ucmd->cmd;
	u32 room = cmd->num_iovas;
	struct ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
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
	return cmd->num_iovas > room ? -EMSGSIZE : 0;
}

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

static int map_check(const struct ioasid_ioas_map *cmd)
{
	if (cmd->flags & ~(IOASID_IOAS_MAP_FIXED_IOVA |
			   IOASID_IOAS_MAP_WRITEABLE |
			   IOASID_IOAS_MAP_READABLE) ||
	    cmd->__reserved)
		return -EOPNOTSUPP;
	if (cmd->iova >= ULONG_MAX || cmd->length >= ULONG_MAX)
		return -EOVERFLOW;
	if (!(cmd->flags &
	      (IOASID_IOAS_MAP_WRITEABLE | IOASID_IOAS_MAP_READABLE)))
		return -EINVAL;
	return 0;
}

static int map_check_memory(const struct ioasid_ioas_map *cmd)
{
	u64 end;

	/* The size of the memory, in whole pages, must not wrap. */
	if (!cmd->length || cmd->length > SIZE_MAX - PAGE_SIZE)
		return -EINVAL;
	if (check_add_overflow(cmd->user_va, cmd->length, &end) ||
	    end > ULONG_MAX)
		return -EOVERFLOW;
	return 0;
}

/* An area at its IOVA; an IOVA of the kernel's choice is told to the user. */
static struct area *map_reserve(struct ucmd *ucmd, struct ioas *ioas)
{
	struct ioasid_ioas_map *cmd = ucmd->cmd;
	struct area *area;
	int rc;

	area = area_alloc(ucmd->ictx, cmd->user_va, cmd->length,
			  prot_from_flags(cmd->flags));
	if (!area)
		return ERR_PTR(-ENOMEM);

	if (cmd->flags & IOASID_IOAS_MAP_FIXED_IOVA)
		rc = iova_insert_fixed(ioas, area, cmd->iova, cmd->length);
	else
		rc = iova_insert_auto(ioas, area, cmd->length);
	if (rc) {
		area_free(area);
		return ERR_PTR(rc);
	}
	return area;
}

static void map_unreserve(struct ioas *ioas, struct area *area)
{
	mutex_lock(&ioas->iova_lock);
	iova_remove_area(ioas, area);
	mutex_unlock(&ioas->iova_lock);
	area_free(area);
}

static int map_at_work(struct ucmd *ucmd, struct ioas *ioas)
{
	struct ioasid_ioas_map *cmd = ucmd->cmd;
	u64 user_iova = cmd->iova;
	struct area *area;
	int rc;

	rc = map_check_memory(cmd);
	if (rc)
		return rc;
	area = map_reserve(ucmd, ioas);
	if (IS_ERR(area))
		return PTR_ERR(area);

	/* The answer goes out while the mapping can still be dropped. */
	cmd->iova = area->iova;
	rc = ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		goto err_unreserve;
	rc = ioas_publish_area(ioas, area);
	if (rc)
		goto err_take_back;
	return 0;

err_take_back:
	cmd->iova = user_iova;
	/* The first error is the answer, whether or not this succeeds. */
	ucmd_respond(ucmd, sizeof(*cmd));
err_unreserve:
	map_unreserve(ioas, area);
	return rc;
}

/**
 * ioas_map_ioctl() - IOASID_IOAS_MAP
 * @ucmd: the command
 *
 * Return: 0; see struct ioasid_ioas_map for the errors.
 */
int ioas_map_ioctl(struct ucmd *ucmd)
{
	struct ioasid_ioas_map *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc;

	rc = map_check(cmd);
	if (rc)
		return rc;
	ioas = ioas_get(ucmd->ictx, cmd->ioas_id);
	if (!ioas)
		return -ENOENT;
	rc = map_at_work(ucmd, ioas);
	obj_put(ucmd->ictx, &ioas->obj);
	return rc;
}

/**
 * ioas_unmap_ioctl() - IOASID_IOAS_UNMAP
 * @ucmd: the command
 *
 * Return: 0; see struct ioasid_ioas_unmap for the errors.
 */
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

	rc = -EOVERFLOW;
	if (!all && (cmd->iova >= ULONG_MAX || cmd->length >= ULONG_MAX))
		goto out_put;
	rc = -EINVAL;
	if (!cmd->length)
		goto out_put;
	rc = -EOVERFLOW;
	if (!all && check_add_overflow((unsigned long)cmd->iova,
				       (unsigned long)cmd->length - 1, &last))
		goto out_put;

	rc = ioas_unmap(ioas, cmd->iova, last, &unmapped);
	if (!rc && !unmapped && !all)
		rc = -ENOENT;
	if (rc)
		goto out_put;
	cmd->length = unmapped;
	rc = ucmd_respond(ucmd, sizeof(*cmd));
out_put:
	obj_put(ucmd->ictx, &ioas->obj);
	return rc;
}

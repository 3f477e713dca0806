// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of a VFIO container on a /dev/ioasid file.
 *
 * A program written for the type1 IOMMU of a container can go on using its ioctls.
 * They name no address space: one IOAS of the context is theirs, which the program
 * chooses with IOASID_VFIO_IOAS.
 *
 * Type1 lets any part of a mapping be unmapped. Large IOMMU pages would stand in
 * the way, so VFIO_SET_IOMMU of VFIO_TYPE1_IOMMU does without them, and mappings
 * are cut at both ends of what is unmapped. VFIO_TYPE1v2_IOMMU unmaps whole
 * mappings, as everything else here does.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include <uapi/linux/ioasid.h>

#include "ioctl.h"

static struct ioas *compat_ioas_get(struct iommufd_ext_ctx *ictx)
{
	struct ioas *ioas;

	xa_lock(&ictx->objects);
	ioas = ictx->vfio_ioas;
	/* Without users it is on its way out, and only waits to clear this. */
	if (ioas && !refcount_inc_not_zero(&ioas->obj.users))
		ioas = NULL;
	xa_unlock(&ictx->objects);
	return ioas;
}

static void compat_ioas_set(struct iommufd_ext_ctx *ictx, struct ioas *ioas)
{
	xa_lock(&ictx->objects);
	ictx->vfio_ioas = ioas;
	xa_unlock(&ictx->objects);
}

static int refuse_no_ioas(struct iommufd_ext_ctx *ictx)
{
	return refuse(ictx, -ENODEV,
		      "no IOAS is chosen for the ioctls of VFIO containers: see IOASID_VFIO_IOAS");
}

static int vfio_ioas_get(struct ucmd *ucmd)
{
	struct ioasid_vfio_ioas *cmd = ucmd->cmd;
	struct ioas *ioas = compat_ioas_get(ucmd->ictx);

	if (!ioas)
		return refuse_no_ioas(ucmd->ictx);
	cmd->ioas_id = ioas->obj.id;
	obj_put(ucmd->ictx, &ioas->obj);
	return ucmd_respond(ucmd, sizeof(*cmd));
}

static int vfio_ioas_set(struct ucmd *ucmd)
{
	struct ioasid_vfio_ioas *cmd = ucmd->cmd;
	struct ioas *ioas = ioas_get(ucmd->ictx, cmd->ioas_id);

	if (!ioas)
		return -ENOENT;
	compat_ioas_set(ucmd->ictx, ioas);
	obj_put(ucmd->ictx, &ioas->obj);
	return 0;
}

/* IOASID_VFIO_IOAS */
int vfio_ioas_ioctl(struct ucmd *ucmd)
{
	struct ioasid_vfio_ioas *cmd = ucmd->cmd;

	if (cmd->__reserved)
		return refuse_reserved(ucmd->ictx);

	switch (cmd->op) {
	case IOASID_VFIO_IOAS_GET:
		return vfio_ioas_get(ucmd);
	case IOASID_VFIO_IOAS_SET:
		return vfio_ioas_set(ucmd);
	case IOASID_VFIO_IOAS_CLEAR:
		compat_ioas_set(ucmd->ictx, NULL);
		return 0;
	default:
		return refuse(ucmd->ictx, -EOPNOTSUPP,
			      "there is no operation %u", cmd->op);
	}
}

static int check_argsz(struct iommufd_ext_ctx *ictx, u32 argsz, size_t minsz)
{
	if (argsz >= minsz)
		return 0;
	return refuse(ictx, -EINVAL, "argsz %u is less than %zu", argsz, minsz);
}

static int check_dma_flags(struct iommufd_ext_ctx *ictx, u32 flags, u32 known)
{
	if (!(flags & ~known))
		return 0;
	return refuse(ictx, -EINVAL, "flags %#x are not known", flags & ~known);
}

static int compat_map(struct iommufd_ext_ctx *ictx, struct ioas *ioas,
		      void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dma_map, size);
	struct vfio_iommu_type1_dma_map map;
	int prot = IOMMU_CACHE;
	int rc;

	if (copy_from_user(&map, arg, minsz))
		return refuse_fault(ictx, "the structure", arg);
	rc = check_argsz(ictx, map.argsz, minsz);
	if (!rc)
		rc = check_dma_flags(ictx, map.flags,
				     VFIO_DMA_MAP_FLAG_READ |
					     VFIO_DMA_MAP_FLAG_WRITE);
	if (rc)
		return rc;
	if (!ioas)
		return refuse_no_ioas(ictx);

	if (map.flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= IOMMU_READ;
	if (map.flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= IOMMU_WRITE;
	return ioas_map_fixed(ictx, ioas, map.iova, map.vaddr, map.size, prot);
}

/* Type1 without large pages: whatever is unmapped becomes areas of its own. */
static int compat_cut(struct ioas *ioas, unsigned long iova, unsigned long last)
{
	int rc = 0;

	if (READ_ONCE(ioas->large_pages))
		return 0;
	if (last != ULONG_MAX)
		rc = ioas_cut(ioas, last + 1);
	return rc ?: ioas_cut(ioas, iova);
}

static int compat_range(struct ioas *ioas, u64 iova, u64 size,
			unsigned long *last)
{
	if (!size)
		return refuse_id(ioas->ictx, -EINVAL, ioas->obj.id,
				 "the size is 0");
	if (check_add_overflow((unsigned long)iova, (unsigned long)size - 1,
			       last))
		return refuse_id(ioas->ictx, -EOVERFLOW, ioas->obj.id,
				 "%#llx bytes from IOVA %#llx reach beyond the last IOVA",
				 size, iova);
	return 0;
}

static int compat_unmap(struct iommufd_ext_ctx *ictx, struct ioas *ioas,
			void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap, size);
	struct vfio_iommu_type1_dma_unmap unmap;
	unsigned long last = ULONG_MAX, unmapped = 0;
	int rc = 0;

	if (copy_from_user(&unmap, arg, minsz))
		return refuse_fault(ictx, "the structure", arg);
	rc = check_argsz(ictx, unmap.argsz, minsz);
	if (!rc)
		rc = check_dma_flags(ictx, unmap.flags,
				     VFIO_DMA_UNMAP_FLAG_ALL);
	if (rc)
		return rc;
	if (!ioas)
		return refuse_no_ioas(ictx);

	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		if (unmap.iova || unmap.size)
			return refuse_id(ictx, -EINVAL, ioas->obj.id,
					 "iova and size have to be 0 to unmap all");
	} else {
		rc = compat_range(ioas, unmap.iova, unmap.size, &last);
		if (!rc) {
			rc = compat_cut(ioas, unmap.iova, last);
			if (rc)
				return rc;
		}
	}
	if (!rc)
		rc = ioas_unmap(ioas, unmap.iova, last, &unmapped);

	/* Also on failure: what went before the failure is gone. */
	unmap.size = unmapped;
	return iommufd_ext_answer(&ictx->errors, arg, &unmap, minsz) ?: rc;
}

static int compat_coherent(struct iommufd_ext_ctx *ictx, struct ioas *ioas)
{
	struct hwpt *hwpt;
	int coherent = 1;

	if (!ioas)
		return refuse_no_ioas(ictx);
	if (down_read_killable(&ioas->domains_rwsem))
		return -EINTR;
	list_for_each_entry(hwpt, &ioas->tables, table.item)
		coherent &= hwpt->coherent;
	up_read(&ioas->domains_rwsem);
	return coherent;
}

static int compat_check_extension(struct iommufd_ext_ctx *ictx,
				  struct ioas *ioas, unsigned long extension)
{
	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_DMA_CC_IOMMU:
		return compat_coherent(ictx, ioas);
	case VFIO_NOIOMMU_IOMMU:
		return IS_ENABLED(CONFIG_VFIO_NOIOMMU);
	default:
		return 0;
	}
}

static int compat_set_iommu(struct iommufd_ext_ctx *ictx, struct ioas *ioas,
			    unsigned long type)
{
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return refuse(ictx, -EINVAL, "there is no IOMMU type %lu here",
			      type);
	if (!ioas)
		return refuse_no_ioas(ictx);
	return type == VFIO_TYPE1_IOMMU ? ioas_set_large_pages(ioas, false) : 0;
}

static int compat_pgsizes(struct ioas *ioas, u64 *out)
{
	unsigned long pgsizes = ULONG_MAX;
	struct table *table;

	if (down_read_killable(&ioas->domains_rwsem))
		return -EINTR;
	list_for_each_entry(table, &ioas->tables, item)
		pgsizes &= table->domain->pgsize_bitmap;
	up_read(&ioas->domains_rwsem);

	/* Type1 reports what is smaller than a page as a page. */
	if (pgsizes & ~PAGE_MASK)
		pgsizes = (pgsizes & PAGE_MASK) | PAGE_SIZE;
	*out = max(pgsizes, READ_ONCE(ioas->iova_alignment));
	return 0;
}

static size_t count_ranges(struct ioas *ioas)
{
	unsigned long start, last, from = 0;
	size_t count = 0;

	lockdep_assert_held(&ioas->iova_lock);

	while (iova_next_range(ioas, from, &start, &last)) {
		count++;
		if (last == ULONG_MAX)
			break;
		from = last + 1;
	}
	return count;
}

/**
 * struct compat_caps - the capabilities of GET_INFO, as the user sees them
 * @avail: how many mappings there can be
 * @padding: 0; the next capability begins at a multiple of 8
 * @ranges: the IOVAs that can be mapped
 */
struct compat_caps {
	struct vfio_iommu_type1_info_dma_avail avail;
	u32 padding;
	struct vfio_iommu_type1_info_cap_iova_range ranges;
};

static void fill_caps(struct compat_caps *caps, struct ioas *ioas,
		      size_t max_ranges)
{
	struct vfio_iova_range *range = caps->ranges.iova_ranges;
	unsigned long start, last, from = 0;

	lockdep_assert_held(&ioas->iova_lock);

	caps->avail.header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
	caps->avail.header.version = 1;
	caps->avail.header.next = sizeof(struct vfio_iommu_type1_info) +
				  offsetof(struct compat_caps, ranges);
	/* Memory is the only limit. */
	caps->avail.avail = U32_MAX;

	caps->ranges.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	caps->ranges.header.version = 1;
	while (caps->ranges.nr_iovas < max_ranges &&
	       iova_next_range(ioas, from, &start, &last)) {
		range->start = start;
		range->end = last;
		range++;
		caps->ranges.nr_iovas++;
		from = last + 1;
	}
}

static struct compat_caps *alloc_caps(struct ioas *ioas, size_t *size)
{
	struct compat_caps *caps;
	size_t count;

	if (mutex_lock_killable(&ioas->iova_lock))
		return ERR_PTR(-EINTR);
	count = count_ranges(ioas);
	*size = struct_size(caps, ranges.iova_ranges, count);
	caps = kvzalloc(*size, GFP_KERNEL_ACCOUNT);
	if (caps)
		fill_caps(caps, ioas, count);
	mutex_unlock(&ioas->iova_lock);
	return caps ?: ERR_PTR(-ENOMEM);
}

/*
 * What there is room for behind the structure: the first capability, and as many ranges
 * of the second. The head of that comes only with all of its ranges.
 */
static int copy_caps(struct iommufd_ext_ctx *ictx, struct compat_caps *caps,
		     struct compat_caps __user *arg, size_t room)
{
	struct vfio_iommu_type1_info_cap_iova_range *ranges = &caps->ranges;
	size_t first = offsetof(struct compat_caps, ranges.iova_ranges);
	size_t fit;

	if (room < sizeof(caps->avail))
		return 0;
	if (room < offsetof(struct compat_caps, ranges))
		caps->avail.header.next = 0;
	if (copy_to_user(&arg->avail, &caps->avail, sizeof(caps->avail)))
		goto fault;

	if (room < first)
		return 0;
	fit = (room - first) / sizeof(ranges->iova_ranges[0]);
	if (copy_to_user(arg->ranges.iova_ranges, ranges->iova_ranges,
			 min_t(size_t, fit, ranges->nr_iovas) *
				 sizeof(ranges->iova_ranges[0])))
		goto fault;
	if (fit >= ranges->nr_iovas &&
	    copy_to_user(&arg->ranges, ranges, sizeof(*ranges)))
		goto fault;
	return 0;

fault:
	return refuse_fault(ictx, "the room for capabilities", arg);
}

static int compat_get_info(struct iommufd_ext_ctx *ictx, struct ioas *ioas,
			   void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_info, iova_pgsizes);
	struct vfio_iommu_type1_info info = {};
	struct compat_caps *caps;
	size_t size, user_size;
	int rc;

	if (copy_from_user(&info, arg, minsz))
		return refuse_fault(ictx, "the structure", arg);
	rc = check_argsz(ictx, info.argsz, minsz);
	if (rc)
		return rc;
	if (!ioas)
		return refuse_no_ioas(ictx);
	user_size = min_t(size_t, info.argsz, sizeof(info));

	caps = alloc_caps(ioas, &size);
	if (IS_ERR(caps))
		return PTR_ERR(caps);
	if (info.argsz > sizeof(info))
		rc = copy_caps(ictx, caps, arg + sizeof(info),
			       info.argsz - sizeof(info));
	kvfree(caps);
	if (rc)
		return rc;

	rc = compat_pgsizes(ioas, &info.iova_pgsizes);
	if (rc)
		return rc;
	info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	/* Who has no room for all sees from argsz what all takes. */
	if (info.argsz >= sizeof(info) + size)
		info.cap_offset = sizeof(info);
	info.argsz = sizeof(info) + size;
	return iommufd_ext_answer(&ictx->errors, arg, &info, user_size);
}

static long compat_ioctl(struct iommufd_ext_ctx *ictx, struct ioas *ioas,
			 unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return compat_check_extension(ictx, ioas, arg);
	case VFIO_SET_IOMMU:
		return compat_set_iommu(ictx, ioas, arg);
	case VFIO_IOMMU_GET_INFO:
		return compat_get_info(ictx, ioas, uarg);
	case VFIO_IOMMU_MAP_DMA:
		return compat_map(ictx, ioas, uarg);
	case VFIO_IOMMU_UNMAP_DMA:
		return compat_unmap(ictx, ioas, uarg);
	default:
		return -ENOTTY;
	}
}

/*
 * What sentences call an ioctl that is not in main.c's table: its name if it is one of a
 * VFIO container, or words for any other.
 */
const char *vfio_compat_name(unsigned int cmd)
{
	switch (cmd) {
	case VFIO_CHECK_EXTENSION:
		return "VFIO_CHECK_EXTENSION";
	case VFIO_SET_IOMMU:
		return "VFIO_SET_IOMMU";
	case VFIO_IOMMU_GET_INFO:
		return "VFIO_IOMMU_GET_INFO";
	case VFIO_IOMMU_MAP_DMA:
		return "VFIO_IOMMU_MAP_DMA";
	case VFIO_IOMMU_UNMAP_DMA:
		return "VFIO_IOMMU_UNMAP_DMA";
	default:
		return "unknown ioctl";
	}
}

/*
 * Returns what a VFIO container would, -ENODEV if the ioctl needs an IOAS and there is
 * none, -ENOTTY if it is not served.
 */
long vfio_compat_ioctl(struct iommufd_ext_ctx *ictx, unsigned int cmd,
		       unsigned long arg)
{
	struct ioas *ioas = compat_ioas_get(ictx);
	long rc;

	rc = compat_ioctl(ictx, ioas, cmd, arg);
	if (ioas)
		obj_put(ictx, &ioas->obj);
	return rc;
}

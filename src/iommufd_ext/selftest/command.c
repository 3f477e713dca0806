// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands of the kernel's iommufd selftest.
 *
 * tools/testing/selftests/iommu cannot do with hardware: it makes devices as it
 * needs them, looks into their page tables, and pins memory as a driver without
 * an IOMMU would. The ioctl that lets it is part of the test build alone.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../device.h"
#include "mock.h"
#include "selftest.h"

/**
 * struct selftest_device - a mock device in the hands of the selftest
 * @obj: object header
 * @idev: the device as a driver sees it; constant
 * @mdev: the device; constant
 */
struct selftest_device {
	struct obj obj;
	struct iommufd_ext_device *idev;
	struct mock_dev *mdev;
};

static struct selftest_device *selftest_device_get(struct ucmd *ucmd, u32 id)
{
	struct obj *obj = obj_get(ucmd->ictx, id, OBJ_SELFTEST);

	return obj ? container_of(obj, struct selftest_device, obj) : NULL;
}

/* No faults come in while the device goes from one page table to another. */
static int attach(struct selftest_device *sdev, u32 pasid, u32 *pt_id)
{
	int rc;

	down_write(&sdev->mdev->iopf_lock);
	rc = iommufd_ext_device_attach(sdev->idev, pasid, pt_id);
	up_write(&sdev->mdev->iopf_lock);
	return rc;
}

static int replace(struct selftest_device *sdev, u32 pasid, u32 *pt_id)
{
	int rc;

	down_write(&sdev->mdev->iopf_lock);
	rc = iommufd_ext_device_replace(sdev->idev, pasid, pt_id);
	up_write(&sdev->mdev->iopf_lock);
	return rc;
}

static void detach(struct selftest_device *sdev, u32 pasid)
{
	down_write(&sdev->mdev->iopf_lock);
	iommufd_ext_device_detach(sdev->idev, pasid);
	up_write(&sdev->mdev->iopf_lock);
}

static void selftest_device_free(struct selftest_device *sdev)
{
	detach(sdev, 0);
	idev_unbind(sdev->idev);
	mock_dev_destroy(sdev->mdev);
	kfree(sdev);
}

void selftest_destroy(struct obj *obj)
{
	selftest_device_free(container_of(obj, struct selftest_device, obj));
}

static struct selftest_device *selftest_device_create(struct ucmd *ucmd,
						      u32 flags, u32 *dev_id)
{
	struct iommufd_ext_ctx *ictx = ucmd->ictx;
	struct selftest_device *sdev;
	int rc;

	sdev = kzalloc(sizeof(*sdev), GFP_KERNEL_ACCOUNT);
	if (!sdev)
		return ERR_PTR(-ENOMEM);
	/* It is made first: the ids of the selftest's objects are in order. */
	rc = obj_reserve(ictx, &sdev->obj, OBJ_SELFTEST);
	if (rc)
		goto err_free;

	sdev->mdev = mock_dev_create(flags);
	if (IS_ERR(sdev->mdev)) {
		rc = PTR_ERR(sdev->mdev);
		goto err_abort;
	}
	sdev->idev = idev_bind(ictx, &sdev->mdev->pdev->dev, dev_id);
	if (IS_ERR(sdev->idev)) {
		rc = PTR_ERR(sdev->idev);
		goto err_mdev;
	}
	return sdev;

err_mdev:
	mock_dev_destroy(sdev->mdev);
err_abort:
	obj_abort(ictx, &sdev->obj);
err_free:
	kfree(sdev);
	return ERR_PTR(rc);
}

static int mock_domain(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	struct selftest_device *sdev;
	u32 flags = 0, pt_id = cmd->id;
	u32 dev_id;
	int rc;

	if (cmd->op == SELFTEST_MOCK_DOMAIN_FLAGS)
		flags = cmd->mock_domain.dev_flags;

	sdev = selftest_device_create(ucmd, flags, &dev_id);
	if (IS_ERR(sdev))
		return PTR_ERR(sdev);
	/* Should something fail from here on, the dispatcher destroys it. */
	ucmd->new_obj = &sdev->obj;

	rc = attach(sdev, 0, &pt_id);
	if (rc)
		return rc;
	cmd->mock_domain.out_stdev_id = sdev->obj.id;
	cmd->mock_domain.out_hwpt_id = pt_id;
	cmd->mock_domain.out_idev_id = dev_id;
	return ucmd_respond(ucmd, sizeof(*cmd));
}

static int mock_domain_replace(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	struct selftest_device *sdev;
	int rc;

	sdev = selftest_device_get(ucmd, cmd->id);
	if (!sdev)
		return -ENOENT;
	rc = replace(sdev, 0, &cmd->replace.pt_id);
	if (!rc)
		rc = ucmd_respond(ucmd, sizeof(*cmd));
	obj_put(ucmd->ictx, &sdev->obj);
	return rc;
}

static int pasid_command(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	struct selftest_device *sdev;
	u32 pasid = cmd->pasid.pasid;
	int rc = 0;

	sdev = selftest_device_get(ucmd, cmd->id);
	if (!sdev)
		return -ENOENT;
	if (cmd->op == SELFTEST_PASID_ATTACH)
		rc = attach(sdev, pasid, &cmd->pasid.pt_id);
	else if (cmd->op == SELFTEST_PASID_REPLACE)
		rc = replace(sdev, pasid, &cmd->pasid.pt_id);
	else
		detach(sdev, pasid);
	if (!rc && ucmd_respond(ucmd, sizeof(*cmd))) {
		rc = -EFAULT;
		if (cmd->op == SELFTEST_PASID_ATTACH)
			detach(sdev, pasid);
	}
	obj_put(ucmd->ictx, &sdev->obj);
	return rc;
}

static int trigger_iopf(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	struct iommufd_ext_device *idev;
	struct mock_dev *mdev;
	int rc = -EINVAL;

	idev = idev_get(ucmd->ictx, cmd->trigger_iopf.dev_id);
	if (!idev)
		return -ENOENT;
	if (is_mock_dev(idev->dev)) {
		mdev = to_mock_dev(idev->dev);
		down_read(&mdev->iopf_lock);
		rc = ext_report_page_request(idev->dev, cmd->trigger_iopf.pasid,
					     cmd->trigger_iopf.grpid,
					     cmd->trigger_iopf.perm,
					     cmd->trigger_iopf.addr);
		up_read(&mdev->iopf_lock);
	}
	obj_put(ucmd->ictx, &idev->obj);
	return rc;
}

static int add_reserved(struct ucmd *ucmd)
{
	const struct iova_owner nobody = {};
	struct selftest_cmd *cmd = ucmd->cmd;
	unsigned long start = cmd->add_reserved.start;
	unsigned long last;
	struct ioas *ioas;
	int rc;

	if (!cmd->add_reserved.length)
		return -EINVAL;
	if (check_add_overflow(start,
			       (unsigned long)cmd->add_reserved.length - 1,
			       &last))
		return -EOVERFLOW;

	ioas = ioas_get(ucmd->ictx, cmd->id);
	if (!ioas)
		return -ENOENT;
	mutex_lock(&ioas->iova_lock);
	rc = iova_reserve(ioas, start, last, &nobody);
	mutex_unlock(&ioas->iova_lock);
	obj_put(ucmd->ictx, &ioas->obj);
	return rc;
}

/* Undoes add_reserved(). Nobody else uses the IOAS. */
void selftest_free_ioas(struct ioas *ioas)
{
	mutex_lock(&ioas->iova_lock);
	iova_unreserve(ioas, NULL);
	mutex_unlock(&ioas->iova_lock);
}

/* A page table of the mock by id, to be put with pt_put(). */
static struct hwpt *mock_hwpt_get(struct ucmd *ucmd, u32 id)
{
	struct obj *obj = obj_get(ucmd->ictx, id, OBJ_HWPT);
	struct hwpt *hwpt;

	if (!obj)
		return ERR_PTR(-ENOENT);
	hwpt = container_of(obj, struct hwpt, obj);
	if (!is_mock_page_table(hwpt->table.domain)) {
		pt_put(ucmd->ictx, obj);
		return ERR_PTR(-EINVAL);
	}
	return hwpt;
}

/* The page behind a user address, to be put with put_page(), or an ERR_PTR. */
struct page *selftest_user_page(unsigned long uptr)
{
	struct page *page;
	int rc;

	rc = get_user_pages_fast(uptr & PAGE_MASK, 1, 0, &page);
	if (rc < 0)
		return ERR_PTR(rc);
	return WARN_ON(rc != 1) ? ERR_PTR(-EFAULT) : page;
}

/* Does a page table lead to the same memory as a user address? */
static int check_translation(struct iommu_domain *domain, unsigned long iova,
			     unsigned long uptr)
{
	struct page *page = selftest_user_page(uptr);
	phys_addr_t expected;

	if (IS_ERR(page))
		return PTR_ERR(page);
	expected = page_to_phys(page) + offset_in_page(uptr);
	put_page(page);
	return domain->ops->iova_to_phys(domain, iova) == expected ? 0 :
								     -EINVAL;
}

static int check_map(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	unsigned long iova = cmd->check_map.iova;
	unsigned long uptr = cmd->check_map.uptr;
	unsigned long length = cmd->check_map.length;
	unsigned long end, pgsize;
	struct hwpt *hwpt;
	int rc = 0;

	hwpt = mock_hwpt_get(ucmd, cmd->id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);

	pgsize = 1UL << __ffs(hwpt->table.domain->pgsize_bitmap);
	if ((iova | uptr | length) & (pgsize - 1) ||
	    check_add_overflow(uptr, length, &end))
		rc = -EINVAL;
	for (; !rc && length; length -= pgsize) {
		rc = check_translation(hwpt->table.domain, iova, uptr);
		iova += pgsize;
		uptr += pgsize;
	}
	pt_put(ucmd->ictx, &hwpt->obj);
	return rc;
}

/* Is each page of user memory pinned as often as it should be? */
static int check_refs(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	unsigned long uptr = cmd->check_refs.uptr;
	unsigned long length = cmd->check_refs.length;
	unsigned long end;
	struct page *page;
	bool good;

	if ((uptr | length) & ~PAGE_MASK ||
	    check_add_overflow(uptr, length, &end))
		return -EINVAL;

	for (; uptr < end; uptr += PAGE_SIZE) {
		page = selftest_user_page(uptr);
		if (IS_ERR(page))
			return PTR_ERR(page);
		/* The pins of a large page are counted elsewhere. */
		good = PageCompound(page) ||
		       page_ref_count(page) / GUP_PIN_COUNTING_BIAS ==
			       cmd->check_refs.refs;
		put_page(page);
		if (!good)
			return -EIO;
	}
	return 0;
}

static int check_iotlb(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	struct hwpt *hwpt;
	const u32 *entry;
	struct obj *obj;
	int rc;

	obj = obj_get(ucmd->ictx, cmd->id, OBJ_HWPT_NESTED);
	if (!obj)
		return -ENOENT;
	hwpt = container_of(obj, struct hwpt, obj);
	entry = mock_nested_iotlb(hwpt->table.domain, cmd->check_iotlb.id);
	rc = entry && *entry == cmd->check_iotlb.iotlb ? 0 : -EINVAL;
	obj_put(ucmd->ictx, obj);
	return rc;
}

/* @bits has a bit for each page, of which those that are set become dirty. */
static int make_dirty(struct hwpt *hwpt, struct selftest_cmd *cmd,
		      const unsigned long *bits, unsigned long npages)
{
	u64 count = 0;
	unsigned long i;
	int rc;

	for_each_set_bit(i, bits, npages) {
		rc = mock_page_table_dirty(hwpt->table.domain,
					   cmd->dirty.iova +
						   i * cmd->dirty.page_size);
		if (rc)
			return rc;
		count++;
	}
	cmd->dirty.out_nr_dirty = count;
	return 0;
}

static unsigned long *copy_bitmap(u64 uptr, unsigned long nbits)
{
	unsigned long *bits;

	bits = kvcalloc(BITS_TO_LONGS(nbits), sizeof(*bits),
			GFP_KERNEL_ACCOUNT);
	if (!bits)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(bits, u64_to_user_ptr(uptr),
			   DIV_ROUND_UP(nbits, BITS_PER_BYTE))) {
		kvfree(bits);
		return ERR_PTR(-EFAULT);
	}
	return bits;
}

static int set_dirty(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	u64 page_size = cmd->dirty.page_size;
	unsigned long *bits;
	struct hwpt *hwpt;
	u64 npages;
	int rc;

	if (!page_size || !cmd->dirty.length || !cmd->dirty.uptr ||
	    cmd->dirty.iova % page_size || cmd->dirty.length % page_size)
		return -EINVAL;
	npages = cmd->dirty.length / page_size;
	if (npages > SZ_16M * BITS_PER_BYTE)
		return -EOVERFLOW;

	hwpt = mock_hwpt_get(ucmd, cmd->id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	bits = copy_bitmap(cmd->dirty.uptr, npages);
	if (IS_ERR(bits)) {
		rc = PTR_ERR(bits);
		goto out_put;
	}
	rc = make_dirty(hwpt, cmd, bits, npages);
	if (!rc)
		rc = ucmd_respond(ucmd, sizeof(*cmd));
	kvfree(bits);
out_put:
	pt_put(ucmd->ictx, &hwpt->obj);
	return rc;
}

static int check_dev_cache(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;
	u32 id = cmd->check_dev_cache.id;
	struct iommufd_ext_device *idev;
	int rc = -EINVAL;

	idev = idev_get(ucmd->ictx, cmd->id);
	if (!idev)
		return -ENOENT;
	if (is_mock_dev(idev->dev) && id < MOCK_DEV_CACHES &&
	    to_mock_dev(idev->dev)->cache[id] == cmd->check_dev_cache.cache)
		rc = 0;
	obj_put(ucmd->ictx, &idev->obj);
	return rc;
}

/* Mainline's limits how much is pinned at once, and has one for a page list. */
static int set_memory_limit(struct ucmd *ucmd)
{
	struct selftest_cmd *cmd = ucmd->cmd;

	return cmd->memory_limit.limit < sizeof(unsigned long) + sizeof(u32) ?
		       -EINVAL :
		       0;
}

/* IOASID_SELFTEST. It fails as mainline's test command does. */
int selftest_ioctl(struct ucmd *ucmd)
{
	const struct selftest_cmd *cmd = ucmd->cmd;

	switch (cmd->op) {
	case SELFTEST_ADD_RESERVED:
		return add_reserved(ucmd);
	case SELFTEST_MOCK_DOMAIN:
	case SELFTEST_MOCK_DOMAIN_FLAGS:
		return mock_domain(ucmd);
	case SELFTEST_MOCK_DOMAIN_REPLACE:
		return mock_domain_replace(ucmd);
	case SELFTEST_PASID_ATTACH:
	case SELFTEST_PASID_REPLACE:
	case SELFTEST_PASID_DETACH:
		return pasid_command(ucmd);
	case SELFTEST_TRIGGER_IOPF:
		return trigger_iopf(ucmd);
	case SELFTEST_CHECK_MAP:
		return check_map(ucmd);
	case SELFTEST_CHECK_REFS:
		return check_refs(ucmd);
	case SELFTEST_DIRTY:
		return set_dirty(ucmd);
	case SELFTEST_CHECK_IOTLB:
		return check_iotlb(ucmd);
	case SELFTEST_CHECK_DEV_CACHE:
		return check_dev_cache(ucmd);
	case SELFTEST_SET_MEMORY_LIMIT:
		return set_memory_limit(ucmd);
	case SELFTEST_CREATE_ACCESS:
		return selftest_create_access(ucmd);
	case SELFTEST_ACCESS_REPLACE_IOAS:
		return selftest_access_replace_ioas(ucmd);
	case SELFTEST_ACCESS_PAGES:
		return selftest_access_pages(ucmd);
	case SELFTEST_DESTROY_ACCESS_PAGES:
		return selftest_destroy_access_pages(ucmd);
	case SELFTEST_ACCESS_RW:
		return selftest_access_rw(ucmd);
	case SELFTEST_DMABUF_GET:
		return selftest_dmabuf_get(ucmd);
	case SELFTEST_DMABUF_REVOKE:
		return selftest_dmabuf_revoke(ucmd);
	default:
		return -EOPNOTSUPP;
	}
}

int selftest_init(void)
{
	int rc = mock_iommu_init();

	if (!rc)
		selftest_dmabuf_init();
	return rc;
}

void selftest_exit(void)
{
	selftest_dmabuf_exit();
	mock_iommu_exit();
}

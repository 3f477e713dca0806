// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter of dma-bufs, as the driver of a device with memory of its own would be: it says
 * where the memory is, takes it back, and gives it out again (ext_test_dmabuf.h). The memory is
 * ordinary, so that a test program can look at it.
 */
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <iommufd_ext.h>

#include "compat/dma_buf.h"
#include "compat/module.h"
#include "ext_test_dmabuf.h"

#define MAX_SIZE SZ_2M

/**
 * struct memory - the memory of a dma-buf
 * @at: kernel address
 * @size: in bytes
 * @revoked: not to be mapped by IOMMUs
 */
struct memory {
	void *at;
	size_t size;
	bool revoked;
};

/* Nobody imports these; whoever wants the memory asks get_phys() or maps it. */
static struct sg_table *map_dma_buf(struct dma_buf_attachment *attachment,
				    enum dma_data_direction direction)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void unmap_dma_buf(struct dma_buf_attachment *attachment,
			  struct sg_table *table,
			  enum dma_data_direction direction)
{
}

static int mmap_memory(struct dma_buf *buf, struct vm_area_struct *vma)
{
	struct memory *memory = buf->priv;

	return vm_iomap_memory(vma, virt_to_phys(memory->at), memory->size);
}

static void release_memory(struct dma_buf *buf)
{
	struct memory *memory = buf->priv;

	free_pages_exact(memory->at, memory->size);
	kfree(memory);
}

static const struct dma_buf_ops known_ops = {
	.map_dma_buf = map_dma_buf,
	.unmap_dma_buf = unmap_dma_buf,
	.mmap = mmap_memory,
	.release = release_memory,
};

/* The operations are what a driver is known by. */
static const struct dma_buf_ops unknown_ops = {
	.map_dma_buf = map_dma_buf,
	.unmap_dma_buf = unmap_dma_buf,
	.release = release_memory,
};

static int get_phys(struct dma_buf *buf, phys_addr_t *paddr, size_t *size)
{
	struct memory *memory = buf->priv;

	if (READ_ONCE(memory->revoked))
		return -ENODEV;
	*paddr = virt_to_phys(memory->at);
	*size = memory->size;
	return 0;
}

static struct iommufd_ext_dmabuf_exporter exporter = {
	.ops = &known_ops,
	.get_phys = get_phys,
};

static int export(const struct dma_buf_ops *ops, size_t size)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct memory *memory;
	struct dma_buf *buf;
	int rc = -ENOMEM;

	if (!size || size > MAX_SIZE || !PAGE_ALIGNED(size))
		return -EINVAL;
	memory = kzalloc(sizeof(*memory), GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	memory->size = size;
	memory->at = alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO);
	if (!memory->at)
		goto err_free;
	info.ops = ops;
	info.size = size;
	info.flags = O_RDWR | O_CLOEXEC;
	info.priv = memory;
	buf = ext_dma_buf_export(&info);
	if (IS_ERR(buf)) {
		rc = PTR_ERR(buf);
		goto err_free_pages;
	}
	return ext_dma_buf_fd(buf, O_CLOEXEC);

err_free_pages:
	free_pages_exact(memory->at, size);
err_free:
	kfree(memory);
	return rc;
}

static int set_revoked(int fd, bool revoked)
{
	struct dma_buf *buf = ext_dma_buf_get(fd);
	struct memory *memory;
	int rc = 0;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	if (buf->ops != &known_ops) {
		rc = -EINVAL;
		goto put;
	}
	memory = buf->priv;
	WRITE_ONCE(memory->revoked, revoked);
	if (revoked)
		iommufd_ext_dmabuf_revoke(buf);
put:
	ext_dma_buf_put(buf);
	return rc;
}

static long dmabuf_ioctl(struct file *filp, unsigned int ioctl,
			 unsigned long arg)
{
	switch (ioctl) {
	case EXT_TEST_EXPORT:
		return export(&known_ops, arg);
	case EXT_TEST_EXPORT_UNKNOWN:
		return export(&unknown_ops, arg);
	case EXT_TEST_REVOKE:
		return set_revoked(arg, true);
	case EXT_TEST_ALLOW:
		return set_revoked(arg, false);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations dmabuf_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dmabuf_ioctl,
};

static struct miscdevice dmabuf_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ext_test_dmabuf",
	.fops = &dmabuf_fops,
};

static int __init dmabuf_init(void)
{
	int rc;

	iommufd_ext_dmabuf_register(&exporter);
	rc = misc_register(&dmabuf_misc);
	if (rc)
		iommufd_ext_dmabuf_unregister(&exporter);
	return rc;
}

static void __exit dmabuf_exit(void)
{
	misc_deregister(&dmabuf_misc);
	iommufd_ext_dmabuf_unregister(&exporter);
}

module_init(dmabuf_init);
module_exit(dmabuf_exit);

EXT_IMPORT_NS_IOMMUFD_EXT;
EXT_IMPORT_NS_DMA_BUF;
MODULE_DESCRIPTION("An exporter of dma-bufs, for tests of IOASID_IOAS_MAP_FILE");
MODULE_LICENSE("GPL");

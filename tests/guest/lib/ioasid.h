/* SPDX-License-Identifier: GPL-2.0-only */
/* One function per ioctl of /dev/ioasid; each returns 0, or -1 with errno. */
#ifndef TEST_IOASID_H
#define TEST_IOASID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/ioasid.h>

#define IOASID_NODE "/dev/ioasid"
#define IOMMU_NODE "/dev/iommu"

/* An id that no test reaches. */
#define ABSENT_ID 0x7ffffff0

#define MAP_R IOASID_IOAS_MAP_READABLE
#define MAP_W IOASID_IOAS_MAP_WRITEABLE
#define MAP_RW (MAP_R | MAP_W)

/*
 * The IOVAs that an IOMMU keeps for interrupts: where x86 has them, beside its page tables,
 * or where Linux maps the doorbells of arm64 in the page table of the device. There none
 * comes while the device is attached to nothing (MSI_TRANSLATED).
 */
#ifdef __aarch64__
#define MSI_WINDOW 0x8000000UL
#define MSI_WINDOW_LAST 0x80fffffUL
#define MSI_WINDOW_TEXT "0x8000000-0x80fffff"
#define MSI_TRANSLATED 1
#else
#define MSI_WINDOW 0xfee00000UL
#define MSI_WINDOW_LAST 0xfeefffffUL
#define MSI_WINDOW_TEXT "0xfee00000-0xfeefffff"
#define MSI_TRANSLATED 0
#endif

int ioasid_open(void);
int ioasid_destroy(int fd, uint32_t id);
int ioas_alloc(int fd, uint32_t *id);
uint32_t ioas_new(int fd);
int ioas_ranges(int fd, uint32_t ioas, struct ioasid_iova_range *ranges,
		uint32_t *num, uint64_t *align);
int ioas_map_fixed(int fd, uint32_t ioas, const void *va, uint64_t len,
		   uint64_t iova, uint32_t flags);
int ioas_map(int fd, uint32_t ioas, const void *va, uint64_t len,
	     uint64_t *iova, uint32_t flags);
int ioas_unmap(int fd, uint32_t ioas, uint64_t iova, uint64_t *len);
int ioas_unmap_exact(int fd, uint32_t ioas, uint64_t iova, uint64_t len);
/* @len: in and out, as in the structure. */
int ioas_unmap_partial(int fd, uint32_t ioas, uint64_t iova, uint64_t *len,
		       uint32_t flags);
/* Nothing is mapped any more. */
void check_empty(int fd, uint32_t ioas);
int ioas_copy_fixed(int fd, uint32_t dst, uint64_t dst_iova, uint32_t src,
		    uint64_t src_iova, uint64_t len, uint32_t flags);
int ioas_copy(int fd, uint32_t dst, uint64_t *dst_iova, uint32_t src,
	      uint64_t src_iova, uint64_t len, uint32_t flags);
int ioas_allow(int fd, uint32_t ioas, const struct ioasid_iova_range *ranges,
	       uint32_t num);
int ioas_map_file_fixed(int fd, uint32_t ioas, int file, uint64_t start,
			uint64_t len, uint64_t iova, uint32_t flags);
int ioas_map_file(int fd, uint32_t ioas, int file, uint64_t start, uint64_t len,
		  uint64_t *iova, uint32_t flags);
int change_process(int fd);
/* @id is in for SET, out for GET. */
int vfio_ioas(int fd, uint16_t op, uint32_t *id);
int option_set(int fd, uint32_t option, uint32_t object, uint64_t val);
int option_get(int fd, uint32_t option, uint32_t object, uint64_t *val);
int hwpt_alloc(int fd, uint32_t dev, uint32_t pt, uint32_t flags,
	       uint32_t *hwpt);

/* Why the last call of this thread on @fd was refused. */
struct refusal {
	struct ioasid_get_error error;
	char text[256];
};

int get_error(int fd, struct refusal *refusal);
/* The last call was refused with this errno and a sentence with @text in it. */
void check_refusal(int fd, int err, const char *text, struct refusal *refusal);

int list_objects(int fd, uint64_t *cursor, struct ioasid_object *objects,
		 uint32_t *num);
int list_mappings(int fd, uint32_t ioas, uint64_t *iova,
		  struct ioasid_mapping *mappings, uint32_t *num, bool *end);
/* @fd is a context, or with @dev 0 a device's own file. */
int group_info(int fd, uint32_t dev, struct ioasid_group_info *info,
	       struct ioasid_group_member *members, uint32_t num);
int features(int fd, uint32_t dev, struct ioasid_features *features);

int hw_info(int fd, uint32_t dev, void *buf, uint32_t len,
	    struct ioasid_hw_info *out);

#endif

// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <sys/ioctl.h>

#include "ioasid.h"
#include "test.h"

int ioasid_open(void)
{
	return assert_ok(keep_fd(open(IOASID_NODE, O_RDWR | O_CLOEXEC)));
}

int ioasid_destroy(int fd, uint32_t id)
{
	struct ioasid_destroy cmd = { .size = sizeof(cmd), .id = id };

	return ioctl(fd, IOASID_DESTROY, &cmd);
}

int ioas_alloc(int fd, uint32_t *id)
{
	struct ioasid_ioas_alloc cmd = { .size = sizeof(cmd) };
	int rc = ioctl(fd, IOASID_IOAS_ALLOC, &cmd);

	if (!rc)
		*id = cmd.out_ioas_id;
	return rc;
}

uint32_t ioas_new(int fd)
{
	uint32_t id = 0;

	assert_ok(ioas_alloc(fd, &id));
	check(id > 0);
	return id;
}

int ioas_ranges(int fd, uint32_t ioas, struct ioasid_iova_range *ranges,
		uint32_t *num, uint64_t *align)
{
	struct ioasid_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = *num,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int rc = ioctl(fd, IOASID_IOAS_IOVA_RANGES, &cmd);

	*num = cmd.num_iovas;
	if (align)
		*align = cmd.out_iova_alignment;
	return rc;
}

int ioas_map_fixed(int fd, uint32_t ioas, const void *va, uint64_t len,
		   uint64_t iova, uint32_t flags)
{
	struct ioasid_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = flags | IOASID_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas,
		.user_va = (uintptr_t)va,
		.length = len,
		.iova = iova,
	};

	return ioctl(fd, IOASID_IOAS_MAP, &cmd);
}

int ioas_map(int fd, uint32_t ioas, const void *va, uint64_t len,
	     uint64_t *iova, uint32_t flags)
{
	struct ioasid_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = ioas,
		.user_va = (uintptr_t)va,
		.length = len,
	};
	int rc = ioctl(fd, IOASID_IOAS_MAP, &cmd);

	if (!rc)
		*iova = cmd.iova;
	return rc;
}

int ioas_unmap(int fd, uint32_t ioas, uint64_t iova, uint64_t *len)
{
	struct ioasid_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = iova,
		.length = *len,
	};
	int rc = ioctl(fd, IOASID_IOAS_UNMAP, &cmd);

	*len = cmd.length;
	return rc;
}

int ioas_unmap_exact(int fd, uint32_t ioas, uint64_t iova, uint64_t len)
{
	uint64_t got = len;
	int rc = ioas_unmap(fd, ioas, iova, &got);

	if (!rc)
		check_eq(len, got);
	return rc;
}

int ioas_unmap_partial(int fd, uint32_t ioas, uint64_t iova, uint64_t *len,
		       uint32_t flags)
{
	struct ioasid_ioas_unmap_partial cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = ioas,
		.iova = iova,
		.length = *len,
	};
	int rc = ioctl(fd, IOASID_IOAS_UNMAP_PARTIAL, &cmd);

	*len = cmd.length;
	return rc;
}

void check_empty(int fd, uint32_t ioas)
{
	uint64_t len = UINT64_MAX;

	assert_ok(ioas_unmap(fd, ioas, 0, &len));
	check_eq(0, len);
}

int ioas_copy_fixed(int fd, uint32_t dst, uint64_t dst_iova, uint32_t src,
		    uint64_t src_iova, uint64_t len, uint32_t flags)
{
	struct ioasid_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = flags | IOASID_IOAS_MAP_FIXED_IOVA,
		.dst_ioas_id = dst,
		.src_ioas_id = src,
		.length = len,
		.dst_iova = dst_iova,
		.src_iova = src_iova,
	};
	int rc = ioctl(fd, IOASID_IOAS_COPY, &cmd);

	check_eq(dst_iova, cmd.dst_iova);
	return rc;
}

int ioas_copy(int fd, uint32_t dst, uint64_t *dst_iova, uint32_t src,
	      uint64_t src_iova, uint64_t len, uint32_t flags)
{
	struct ioasid_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dst_ioas_id = dst,
		.src_ioas_id = src,
		.length = len,
		.src_iova = src_iova,
	};
	int rc = ioctl(fd, IOASID_IOAS_COPY, &cmd);

	if (!rc)
		*dst_iova = cmd.dst_iova;
	return rc;
}

int ioas_allow(int fd, uint32_t ioas, const struct ioasid_iova_range *ranges,
	       uint32_t num)
{
	struct ioasid_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = num,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return ioctl(fd, IOASID_IOAS_ALLOW_IOVAS, &cmd);
}

int ioas_map_file_fixed(int fd, uint32_t ioas, int file, uint64_t start,
			uint64_t len, uint64_t iova, uint32_t flags)
{
	struct ioasid_ioas_map_file cmd = {
		.size = sizeof(cmd),
		.flags = flags | IOASID_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas,
		.fd = file,
		.start = start,
		.length = len,
		.iova = iova,
	};

	return ioctl(fd, IOASID_IOAS_MAP_FILE, &cmd);
}

int ioas_map_file(int fd, uint32_t ioas, int file, uint64_t start, uint64_t len,
		  uint64_t *iova, uint32_t flags)
{
	struct ioasid_ioas_map_file cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = ioas,
		.fd = file,
		.start = start,
		.length = len,
	};
	int rc = ioctl(fd, IOASID_IOAS_MAP_FILE, &cmd);

	if (!rc)
		*iova = cmd.iova;
	return rc;
}

int change_process(int fd)
{
	struct ioasid_ioas_change_process cmd = { .size = sizeof(cmd) };

	return ioctl(fd, IOASID_IOAS_CHANGE_PROCESS, &cmd);
}

int vfio_ioas(int fd, uint16_t op, uint32_t *id)
{
	struct ioasid_vfio_ioas cmd = {
		.size = sizeof(cmd),
		.op = op,
		.ioas_id = id ? *id : 0,
	};
	int rc = ioctl(fd, IOASID_VFIO_IOAS, &cmd);

	if (id)
		*id = cmd.ioas_id;
	return rc;
}

int option_set(int fd, uint32_t option, uint32_t object, uint64_t val)
{
	struct ioasid_option_cmd cmd = {
		.size = sizeof(cmd),
		.option_id = option,
		.op = IOASID_OPTION_OP_SET,
		.object_id = object,
		.val64 = val,
	};

	return ioctl(fd, IOASID_OPTION, &cmd);
}

int option_get(int fd, uint32_t option, uint32_t object, uint64_t *val)
{
	struct ioasid_option_cmd cmd = {
		.size = sizeof(cmd),
		.option_id = option,
		.op = IOASID_OPTION_OP_GET,
		.object_id = object,
		.val64 = ~0ULL,
	};
	int rc = ioctl(fd, IOASID_OPTION, &cmd);

	*val = cmd.val64;
	return rc;
}

int hwpt_alloc(int fd, uint32_t dev, uint32_t pt, uint32_t flags,
	       uint32_t *hwpt)
{
	struct ioasid_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = dev,
		.pt_id = pt,
	};
	int rc = ioctl(fd, IOASID_HWPT_ALLOC, &cmd);

	if (!rc)
		*hwpt = cmd.out_hwpt_id;
	return rc;
}

int hw_info(int fd, uint32_t dev, void *buf, uint32_t len,
	    struct ioasid_hw_info *out)
{
	struct ioasid_hw_info cmd = {
		.size = sizeof(cmd),
		.dev_id = dev,
		.data_len = len,
		.data_uptr = (uintptr_t)buf,
	};
	int rc = ioctl(fd, IOASID_GET_HW_INFO, &cmd);

	*out = cmd;
	return rc;
}

int get_error(int fd, struct refusal *refusal)
{
	memset(refusal, 0, sizeof(*refusal));
	refusal->error.size = sizeof(refusal->error);
	refusal->error.text_uptr = (uintptr_t)refusal->text;
	refusal->error.text_len = sizeof(refusal->text);
	return ioctl(fd, IOASID_GET_ERROR, &refusal->error);
}

void check_refusal(int fd, int err, const char *text, struct refusal *refusal)
{
	assert_ok(get_error(fd, refusal));
	if (refusal->error.out_errno != (uint32_t)err ||
	    !strstr(refusal->text, text))
		fail_test("expected %s with \"%s\", got %s with \"%s\"",
			  errno_name(err), text,
			  errno_name(refusal->error.out_errno), refusal->text);
	check_eq(strlen(refusal->text) + 1, refusal->error.text_len);
}

int list_objects(int fd, uint64_t *cursor, struct ioasid_object *objects,
		 uint32_t *num)
{
	struct ioasid_list cmd = {
		.size = sizeof(cmd),
		.num = *num,
		.entry_size = sizeof(*objects),
		.cursor = *cursor,
		.objects = (uintptr_t)objects,
	};
	int rc = ioctl(fd, IOASID_LIST, &cmd);

	*num = cmd.num;
	*cursor = cmd.cursor;
	return rc;
}

int list_mappings(int fd, uint32_t ioas, uint64_t *iova,
		  struct ioasid_mapping *mappings, uint32_t *num, bool *end)
{
	struct ioasid_list_mappings cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num = *num,
		.entry_size = sizeof(*mappings),
		.iova = *iova,
		.mappings = (uintptr_t)mappings,
	};
	int rc = ioctl(fd, IOASID_LIST_MAPPINGS, &cmd);

	*num = cmd.num;
	*iova = cmd.iova;
	*end = cmd.out_flags & IOASID_LIST_MAPPINGS_END;
	return rc;
}

int group_info(int fd, uint32_t dev, struct ioasid_group_info *info,
	       struct ioasid_group_member *members, uint32_t num)
{
	*info = (struct ioasid_group_info){
		.size = sizeof(*info),
		.dev_id = dev,
		.num = num,
		.entry_size = sizeof(*members),
		.members = (uintptr_t)members,
	};
	return ioctl(fd, IOASID_GROUP_INFO, info);
}

int features(int fd, uint32_t dev, struct ioasid_features *features)
{
	*features = (struct ioasid_features){
		.size = sizeof(*features),
		.dev_id = dev,
	};
	return ioctl(fd, IOASID_FEATURES, features);
}

// SPDX-License-Identifier: GPL-2.0-only
/* The trace events of both modules, as docs/tracing.md shows them. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <linux/vfio.h>

#include "dma.h"
#include "ioasid.h"
#include "state.h"
#include "test.h"
#include "vfio.h"

#define TRACING "/sys/kernel/tracing/"
#define EVENTS TRACING "events/"

static char text[256 * KB];

static void events(const char *on)
{
	assert_ok(write_file(EVENTS "iommufd_ext/enable", on));
	assert_ok(write_file(EVENTS "vfio_cdev_ext/enable", on));
}

static void begin(void)
{
	if (!path_exists(EVENTS "iommufd_ext"))
		skip_test("no trace events in this kernel");
	close(assert_ok(open(TRACING "trace", O_WRONLY | O_TRUNC)));
	events("1");
}

static void end(void)
{
	events("0");
	read_file(TRACING "trace", text, sizeof(text));
}

static void test_events(void **state)
{
	uint8_t *va = page_alloc(2 * PAGE);
	struct setup s;

	(void)state;
	need_edu();
	begin();
	s = setup_attached();
	map_at(&s, va, 2 * PAGE, IOVA);
	unmap_at(&s, IOVA, 2 * PAGE);
	assert_errno(EINVAL,
		     ioas_map_fixed(s.ctx, s.ioas, va, PAGE, IOVA + 1, MAP_RW));
	assert_ok(cdev_detach(s.dev));
	/* The edu has no way to be reset. */
	assert_errno(EINVAL, ioctl(s.dev, VFIO_DEVICE_RESET));
	check(vfio_hot_reset(s.dev) == -1);
	end();

	check_contains(text, " dev=%s id=%u rc=0\n", edu_bdf, s.devid);
	check_contains(text, "ioasid_bind: ctx=");
	check_contains(text, "ioasid_attach: ctx=");
	check_contains(text, " dev=%s pasid=0 pt=", edu_bdf);
	check_contains(text, "ioasid_map: ctx=");
	check_contains(text, " ioas=%u iova=%#lx length=0x2000 rc=0\n", s.ioas,
		       IOVA);
	check_contains(text, "ioasid_unmap: ctx=");
	check_contains(text, "ioasid_error: IOASID_IOAS_MAP rc=-22 ");
	check_contains(text, "ioasid_detach: ctx=");
	check_contains(text, "vfio_reset: dev=%s hot=0 rc=-22\n", edu_bdf);
	check_contains(text, "vfio_reset: dev=%s hot=1 rc=-", edu_bdf);
}

/* What is not asked for is not told. */
static void test_filter(void **state)
{
	uint8_t *va = page_alloc(PAGE);
	struct setup s;

	(void)state;
	need_edu();
	begin();
	assert_ok(write_file(EVENTS "iommufd_ext/ioasid_map/filter",
			     "length > 4096"));
	s = setup_attached();
	map_at(&s, va, PAGE, IOVA);
	end();
	assert_ok(write_file(EVENTS "iommufd_ext/ioasid_map/filter", "0"));
	check_contains(text, "ioasid_attach: ");
	check(!strstr(text, "ioasid_map: "));
}

int main(int argc, char **argv)
{
	struct test_list list = { 0 };

	test_before = use_edu;
	test_add(&list, test_events, NULL, "events");
	test_add(&list, test_filter, NULL, "filter");
	return test_main(argc, argv, "trace", &list, NULL, NULL);
}

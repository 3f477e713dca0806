// SPDX-License-Identifier: GPL-2.0-only
/* Who uses a display: programs, and the console. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "root.h"
#include "usage.h"

/* --- programs ------------------------------------------------------------------- */

/* A connector is of this class, too, "card0-DP-1", and has no node. */
static void add_drm_nodes(struct strv *nodes, const struct device *dev)
{
	struct strv names = {};
	size_t i;

	device_class_names(dev, "drm", &names);
	for (i = 0; i < names.n; i++)
		if (!strchr(names.s[i], '-'))
			strv_addf(nodes, "/dev/dri/%s", names.s[i]);
	strv_free(&names);
}

/* NVIDIA's own driver has nodes of its own, and one of drm only if it is asked for. */
static void add_nvidia_node(struct strv *nodes, const struct device *dev)
{
	static const char key[] = "Device Minor:";
	char *text, *line;
	unsigned int minor;

	text = root_read_all("proc/driver/nvidia/gpus/%s/information",
			     dev->bdf);
	line = text ? strstr(text, key) : NULL;
	if (line && sscanf(line + strlen(key), "%u", &minor) == 1)
		strv_addf(nodes, "/dev/nvidia%u", minor);
	free(text);
}

static bool is_framebuffer(const char *name)
{
	return str_starts(name, "fb") && isdigit((unsigned char)name[2]);
}

static void list_framebuffers(struct strv *framebuffers,
			      const struct device *dev)
{
	struct strv names = {};
	size_t i;

	device_class_names(dev, "graphics", &names);
	for (i = 0; i < names.n; i++)
		if (is_framebuffer(names.s[i]))
			strv_add(framebuffers, names.s[i]);
	strv_free(&names);
}

static void find_users(struct usage *usage, const struct device *dev,
		       const struct strv *framebuffers)
{
	struct strv nodes = {}, users = {};
	char *text;
	size_t i;

	add_drm_nodes(&nodes, dev);
	add_nvidia_node(&nodes, dev);
	for (i = 0; i < framebuffers->n; i++)
		strv_addf(&nodes, "/dev/%s", framebuffers->s[i]);
	for (i = 0; i < nodes.n; i++)
		process_list_users(nodes.s[i], &users);
	if (users.n) {
		text = strv_join(&users, ", ");
		usage_add(usage, "its display is used by %s", text)->action =
			process_end(&users);
		free(text);
	}
	strv_free(&users);
	strv_free(&nodes);
}

/* --- the console ---------------------------------------------------------------- */

/* The driver of virtual consoles that writes to frame buffers, if it has any console. */
static bool find_fbcon(char *name, size_t size)
{
	struct strv names = {};
	unsigned long long bound;
	bool found = false;
	char text[64];
	size_t i;

	root_list(&names, "sys/class/vtconsole");
	for (i = 0; i < names.n && !found; i++) {
		root_read(text, sizeof(text), "sys/class/vtconsole/%s/name",
			  names.s[i]);
		found = strstr(text, "frame buffer") &&
			root_number(&bound, "sys/class/vtconsole/%s/bind",
				    names.s[i]) &&
			bound;
		if (found)
			str_copy(name, size, names.s[i]);
	}
	strv_free(&names);
	return found;
}

static size_t count_framebuffers(void)
{
	struct strv names = {};
	size_t i, n = 0;

	root_list(&names, "sys/class/graphics");
	for (i = 0; i < names.n; i++)
		n += is_framebuffer(names.s[i]);
	strv_free(&names);
	return n;
}

/* Of several frame buffers, nothing in sysfs tells which of them has the console. */
static void find_console(struct usage *usage, const struct strv *framebuffers)
{
	struct use *use;
	char fbcon[32];

	if (!framebuffers->n || !find_fbcon(fbcon, sizeof(fbcon)))
		return;
	if (count_framebuffers() == framebuffers->n) {
		use = usage_add(usage, "the console is on its frame buffer, %s",
				framebuffers->s[0]);
		use->action =
			xprintf("echo 0 > /sys/class/vtconsole/%s/bind", fbcon);
	} else {
		use = usage_add(usage,
				"by the console, on its frame buffer, %s",
				framebuffers->s[0]);
		use->action = xstrdup("cat /proc/fb");
		use->unsure = true;
	}
}

void usage_find_display(const struct device *dev, struct usage *usage)
{
	static const char boot_vga[] =
		"the firmware's display, and the console, is on it (boot_vga)";
	struct strv framebuffers = {};

	list_framebuffers(&framebuffers, dev);
	if (dev->boot_vga)
		usage_add(usage, "%s", boot_vga);
	else
		find_console(usage, &framebuffers);
	find_users(usage, dev, &framebuffers);
	strv_free(&framebuffers);
}

/* --- the firmware's ------------------------------------------------------------- */

static void add_firmware_display(struct usage *usage, const char *name)
{
	char device[64], driver[64];
	struct use *use;

	use = usage_add(usage, "the firmware's display, %s, is on it", name);
	if (root_link_name(device, sizeof(device),
			   "sys/class/graphics/%s/device", name) &&
	    root_link_name(driver, sizeof(driver),
			   "sys/class/graphics/%s/device/driver", name))
		use->action =
			xprintf("echo %s > /sys/bus/platform/drivers/%s/unbind",
				device, driver);
}

/* What the firmware has set up is in use without a driver of the device. */
void usage_find_firmware_display(const struct device *dev, struct usage *usage)
{
	struct strv names = {};
	char target[PATH_MAX];
	size_t i;

	if (dev->driver[0] || !device_is_display(dev) || !dev->boot_vga)
		return;
	root_list(&names, "sys/class/graphics");
	for (i = 0; i < names.n; i++)
		if (is_framebuffer(names.s[i]) &&
		    root_readlink(target, sizeof(target),
				  "sys/class/graphics/%s", names.s[i]) > 0 &&
		    strstr(target, "-framebuffer."))
			add_firmware_display(usage, names.s[i]);
	strv_free(&names);
}

// SPDX-License-Identifier: GPL-2.0-only
/* The trace events of this module are made here. */
#include <linux/module.h>

#define CREATE_TRACE_POINTS
#include "iommufd_ext/trace.h"

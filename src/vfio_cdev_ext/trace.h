/* SPDX-License-Identifier: GPL-2.0-only */
/* Trace events of vfio_cdev_ext, for tracefs, perf and bpf. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfio_cdev_ext

#if !defined(_VFIO_CDEV_EXT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VFIO_CDEV_EXT_TRACE_H

#include <linux/device.h>
#include <linux/tracepoint.h>

/* clang-format off */

/* The user of a node resets its device, or with "hot" all on its bus or slot. */
TRACE_EVENT(vfio_reset,
	    TP_PROTO(struct device *dev, bool hot, int rc),
	    TP_ARGS(dev, hot, rc),
	    TP_STRUCT__entry(__array(char, dev, 32)
			     __field(bool, hot)
			     __field(int, rc)),
	    TP_fast_assign(strscpy(__entry->dev, dev_name(dev), 32);
			   __entry->hot = hot;
			   __entry->rc = rc;),
	    TP_printk("dev=%s hot=%d rc=%d", __entry->dev, __entry->hot,
		      __entry->rc)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH vfio_cdev_ext
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

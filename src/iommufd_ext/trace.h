/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events of iommufd_ext, for tracefs, perf and bpf. "ctx" is the number that a context
 * has in debugfs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iommufd_ext

#if !defined(_IOMMUFD_EXT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IOMMUFD_EXT_TRACE_H

#include <linux/device.h>
#include <linux/tracepoint.h>

/* clang-format off */

/* What is left of longer ones is enough to find them. */
#define TRACE_NAME_SIZE 32
#define TRACE_TEXT_SIZE 128

TRACE_EVENT(ioasid_bind,
	    TP_PROTO(u32 ctx, struct device *dev, u32 id, int rc),
	    TP_ARGS(ctx, dev, id, rc),
	    TP_STRUCT__entry(__field(u32, ctx)
			     __array(char, dev, TRACE_NAME_SIZE)
			     __field(u32, id)
			     __field(int, rc)),
	    TP_fast_assign(__entry->ctx = ctx;
			   strscpy(__entry->dev, dev_name(dev), TRACE_NAME_SIZE);
			   __entry->id = id;
			   __entry->rc = rc;),
	    TP_printk("ctx=%u dev=%s id=%u rc=%d", __entry->ctx, __entry->dev,
		      __entry->id, __entry->rc)
);

/* If it was attached, it was detached first. */
TRACE_EVENT(ioasid_unbind,
	    TP_PROTO(u32 ctx, struct device *dev, u32 id),
	    TP_ARGS(ctx, dev, id),
	    TP_STRUCT__entry(__field(u32, ctx)
			     __array(char, dev, TRACE_NAME_SIZE)
			     __field(u32, id)),
	    TP_fast_assign(__entry->ctx = ctx;
			   strscpy(__entry->dev, dev_name(dev), TRACE_NAME_SIZE);
			   __entry->id = id;),
	    TP_printk("ctx=%u dev=%s id=%u", __entry->ctx, __entry->dev, __entry->id)
);

/* An attach or a replace, with the page table that was asked for, or what came of it. */
TRACE_EVENT(ioasid_attach,
	    TP_PROTO(u32 ctx, struct device *dev, u32 pasid, u32 pt, int rc),
	    TP_ARGS(ctx, dev, pasid, pt, rc),
	    TP_STRUCT__entry(__field(u32, ctx)
			     __array(char, dev, TRACE_NAME_SIZE)
			     __field(u32, pasid)
			     __field(u32, pt)
			     __field(int, rc)),
	    TP_fast_assign(__entry->ctx = ctx;
			   strscpy(__entry->dev, dev_name(dev), TRACE_NAME_SIZE);
			   __entry->pasid = pasid;
			   __entry->pt = pt;
			   __entry->rc = rc;),
	    TP_printk("ctx=%u dev=%s pasid=%u pt=%u rc=%d", __entry->ctx,
		      __entry->dev, __entry->pasid, __entry->pt, __entry->rc)
);

TRACE_EVENT(ioasid_detach,
	    TP_PROTO(u32 ctx, struct device *dev, u32 pasid),
	    TP_ARGS(ctx, dev, pasid),
	    TP_STRUCT__entry(__field(u32, ctx)
			     __array(char, dev, TRACE_NAME_SIZE)
			     __field(u32, pasid)),
	    TP_fast_assign(__entry->ctx = ctx;
			   strscpy(__entry->dev, dev_name(dev), TRACE_NAME_SIZE);
			   __entry->pasid = pasid;),
	    TP_printk("ctx=%u dev=%s pasid=%u", __entry->ctx, __entry->dev,
		      __entry->pasid)
);

DECLARE_EVENT_CLASS(ioasid_range,
		    TP_PROTO(u32 ctx, u32 ioas, unsigned long iova, unsigned long length,
			     int rc),
		    TP_ARGS(ctx, ioas, iova, length, rc),
		    TP_STRUCT__entry(__field(u32, ctx)
				     __field(u32, ioas)
				     __field(unsigned long, iova)
				     __field(unsigned long, length)
				     __field(int, rc)),
		    TP_fast_assign(__entry->ctx = ctx;
				   __entry->ioas = ioas;
				   __entry->iova = iova;
				   __entry->length = length;
				   __entry->rc = rc;),
		    TP_printk("ctx=%u ioas=%u iova=%#lx length=%#lx rc=%d", __entry->ctx,
			      __entry->ioas, __entry->iova, __entry->length, __entry->rc)
);

/* An area is mapped into all page tables of its IOAS. */
DEFINE_EVENT(ioasid_range, ioasid_map,
	     TP_PROTO(u32 ctx, u32 ioas, unsigned long iova, unsigned long length,
		      int rc),
	     TP_ARGS(ctx, ioas, iova, length, rc)
);

/* Of the range that begins there so many bytes are unmapped. */
DEFINE_EVENT(ioasid_range, ioasid_unmap,
	     TP_PROTO(u32 ctx, u32 ioas, unsigned long iova, unsigned long length,
		      int rc),
	     TP_ARGS(ctx, ioas, iova, length, rc)
);

/* A call on /dev/ioasid, or on the file of a device, has failed, and this sentence says why. */
TRACE_EVENT(ioasid_error,
	    TP_PROTO(const char *call, int rc, const char *text),
	    TP_ARGS(call, rc, text),
	    TP_STRUCT__entry(__array(char, call, TRACE_NAME_SIZE)
			     __field(int, rc)
			     __array(char, text, TRACE_TEXT_SIZE)),
	    TP_fast_assign(strscpy(__entry->call, call, TRACE_NAME_SIZE);
			   __entry->rc = rc;
			   strscpy(__entry->text, text, TRACE_TEXT_SIZE);),
	    TP_printk("%s rc=%d %s", __entry->call, __entry->rc, __entry->text)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH iommufd_ext
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

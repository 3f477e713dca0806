/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Module metadata: export namespaces, and what the prober found.
 *
 * Our exports live in the namespace IOMMUFD_EXT, so that a driver says openly that it depends on an
 * out-of-tree interface.
 */
#ifndef EXT_COMPAT_MODULE_H
#define EXT_COMPAT_MODULE_H

#include <linux/module.h>

#include "ext_probes.h"

#if EXT_PROBE_IMPORT_NS_TOKEN
#define EXT_IMPORT_NS_IOMMUFD_EXT MODULE_IMPORT_NS(IOMMUFD_EXT)
#define EXT_EXPORT_SYMBOL(sym) EXPORT_SYMBOL_NS_GPL(sym, IOMMUFD_EXT)
#else
#define EXT_IMPORT_NS_IOMMUFD_EXT MODULE_IMPORT_NS("IOMMUFD_EXT")
#define EXT_EXPORT_SYMBOL(sym) EXPORT_SYMBOL_NS_GPL(sym, "IOMMUFD_EXT")
#endif

/*
 * For the module whose shims use symbols of the kernel's IOMMUFD_INTERNAL namespace. The prober
 * knows whether any of them exists here; where none does, the module claims nothing.
 */
#if !EXT_PROBES_NS_IOMMUFD_INTERNAL
#define EXT_IMPORT_NS_IOMMUFD_INTERNAL struct module
#elif EXT_PROBE_IMPORT_NS_TOKEN
#define EXT_IMPORT_NS_IOMMUFD_INTERNAL MODULE_IMPORT_NS(IOMMUFD_INTERNAL)
#else
#define EXT_IMPORT_NS_IOMMUFD_INTERNAL MODULE_IMPORT_NS("IOMMUFD_INTERNAL")
#endif

/* The same for dma-bufs. */
#if !EXT_PROBES_NS_DMA_BUF
#define EXT_IMPORT_NS_DMA_BUF struct module
#elif EXT_PROBE_IMPORT_NS_TOKEN
#define EXT_IMPORT_NS_DMA_BUF MODULE_IMPORT_NS(DMA_BUF)
#else
#define EXT_IMPORT_NS_DMA_BUF MODULE_IMPORT_NS("DMA_BUF")
#endif

/* Every answer of the prober, for "modinfo -F compat": bug reports then carry them. */
#define EXT_MODULE_INFO_COMPAT MODULE_INFO(compat, EXT_PROBES_RESULT)

#endif

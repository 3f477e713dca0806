/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of the host, which "why" and "doctor" share. Each adds its findings. */
#ifndef IOASIDCTL_CHECK_H
#define IOASIDCTL_CHECK_H

#include "finding.h"

void check_kernel(struct findings *findings);
void check_iommu(struct findings *findings);
void check_interrupts(struct findings *findings);
void check_modules(struct findings *findings);
void check_kvm(struct findings *findings);
void check_iommu_node(struct findings *findings);
void check_memlock(struct findings *findings, unsigned long long memory,
		   const char *bdf);
void check_adoption(struct findings *findings);
void check_udev(struct findings *findings);

#endif

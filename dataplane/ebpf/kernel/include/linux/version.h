/* bcc writes a version into each program; the kernel has not looked at it since 5.0. SPDX-License-Identifier: MIT */
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#ifndef LINUX_VERSION_CODE
#define LINUX_VERSION_CODE KERNEL_VERSION(5, 15, 0)
#endif

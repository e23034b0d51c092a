/* What a kernel's configuration would say to bcc. SPDX-License-Identifier: MIT */
#define CONFIG_BPF_SYSCALL 1

/** Constants of linux/bpf.h and linux/if_link.h. */

/** enum bpf_map_type. */
export const BPF_MAP_TYPE_HASH = 1;
export const BPF_MAP_TYPE_ARRAY = 2;
export const BPF_MAP_TYPE_PERCPU_ARRAY = 6;
export const BPF_MAP_TYPE_XSKMAP = 17;

/** BPF_PROG_LOAD: the program can handle frames in several buffers (Linux 5.18). */
export const BPF_F_XDP_HAS_FRAGS: number = 1 << 5;

/** Attaching: in the kernel's own receive path, after the socket buffer has been made … */
export const XDP_FLAGS_SKB_MODE: number = 1 << 1;
/** … or in the driver, before. */
export const XDP_FLAGS_DRV_MODE: number = 1 << 2;

// An AF_XDP socket with its rings and packet memory, and the smallest programs that go with it.
#ifndef RIVALS_XSK_H
#define RIVALS_XSK_H
#include "common.h"

// The same sizes as the library's defaults: 4096 entries in each ring, chunks of 2048 bytes for each entry.
#define RING 4096
#define CHUNK 2048
#define HEADROOM 2

struct ring {
  uint32_t *producer, *consumer, *flags;
  void *entries;
};

struct xsk {
  int fd;
  uint8_t *umem;
  struct ring rx, tx, fill, completion;
};

static struct ring map_ring(int fd, struct xdp_ring_offset *o, size_t entry, off_t page) {
  uint8_t *at = mmap(NULL, o->desc + RING * entry, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, page);
  if (at == MAP_FAILED) die("mmap");
  return (struct ring){(uint32_t *)(at + o->producer), (uint32_t *)(at + o->consumer), (uint32_t *)(at + o->flags),
                       at + o->desc};
}

// Opens and binds; the first half of the chunks is in the fill ring, the second half for sending.
static struct xsk open_xsk(const char *interface) {
  struct xsk x;
  size_t bytes = (size_t)2 * RING * CHUNK;
  x.umem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (x.umem == MAP_FAILED) die("mmap");
  x.fd = socket(AF_XDP, SOCK_RAW, 0);
  if (x.fd < 0) die("socket(AF_XDP)");
  struct xdp_umem_reg reg = {.addr = (uintptr_t)x.umem, .len = bytes, .chunk_size = CHUNK, .headroom = HEADROOM};
  if (setsockopt(x.fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof reg) < 0) die("XDP_UMEM_REG");
  int size = RING;
  int options[] = {XDP_RX_RING, XDP_TX_RING, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING};
  for (int i = 0; i < 4; i++)
    if (setsockopt(x.fd, SOL_XDP, options[i], &size, sizeof size) < 0) die("ring size");
  int buffer = 4 << 20;
  setsockopt(x.fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  struct xdp_mmap_offsets o;
  socklen_t length = sizeof o;
  if (getsockopt(x.fd, SOL_XDP, XDP_MMAP_OFFSETS, &o, &length) < 0) die("XDP_MMAP_OFFSETS");
  x.rx = map_ring(x.fd, &o.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
  x.tx = map_ring(x.fd, &o.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
  x.fill = map_ring(x.fd, &o.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
  x.completion = map_ring(x.fd, &o.cr, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING);
  for (uint32_t i = 0; i < RING; i++) ((uint64_t *)x.fill.entries)[i] = (uint64_t)i * CHUNK;
  __atomic_store_n(x.fill.producer, RING, __ATOMIC_RELEASE);
  struct sockaddr_xdp address = {.sxdp_family = AF_XDP,
                                 .sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
                                 .sxdp_ifindex = if_nametoindex(interface),
                                 .sxdp_queue_id = number_argument("queue", 0)};
  // A queue that was closed a moment ago is busy still: the kernel lets go of it later.
  for (int tries = 0; bind(x.fd, (struct sockaddr *)&address, sizeof address) < 0; tries++) {
    if (errno != EBUSY || tries == 100) die("bind(AF_XDP)");
    usleep(10000);
  }
  return x;
}

static inline struct xdp_desc *descriptor(struct ring *r, uint32_t i) {
  return &((struct xdp_desc *)r->entries)[i & (RING - 1)];
}

static inline uint64_t *address_entry(struct ring *r, uint32_t i) {
  return &((uint64_t *)r->entries)[i & (RING - 1)];
}

// --- Programs, as instructions ---

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

static int bpf(int command, union bpf_attr *attr) { return (int)syscall(SYS_bpf, command, attr, sizeof *attr); }

static int load_xdp(const struct bpf_insn *insns, int count) {
  static char log[65536];
  union bpf_attr attr = {0};
  attr.prog_type = BPF_PROG_TYPE_XDP;
  attr.insns = (uintptr_t)insns;
  attr.insn_cnt = count;
  attr.license = (uintptr_t) "GPL";
  attr.log_buf = (uintptr_t)log;
  attr.log_size = sizeof log;
  attr.log_level = 1;
  int fd = bpf(BPF_PROG_LOAD, &attr);
  if (fd < 0) {
    fprintf(stderr, "%s\n", log);
    die("BPF_PROG_LOAD");
  }
  return fd;
}

// Every frame of the socket's queue goes to the socket. Ends with the process.
static void redirect_all(struct xsk *x, const char *interface, bool native) {
  union bpf_attr map = {.map_type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4, .max_entries = 64};
  int map_fd = bpf(BPF_MAP_CREATE, &map);
  if (map_fd < 0) die("BPF_MAP_CREATE");
  struct bpf_insn program[] = {
      // r2 = ctx->rx_queue_index; r1 = map; r3 = XDP_PASS; return bpf_redirect_map(r1, r2, r3)
      INSN(BPF_LDX | BPF_W | BPF_MEM, 2, 1, offsetof(struct xdp_md, rx_queue_index), 0),
      INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map_fd),
      INSN(0, 0, 0, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  int program_fd = load_xdp(program, sizeof program / sizeof *program);
  uint32_t key = number_argument("queue", 0);
  union bpf_attr update = {0};
  update.map_fd = map_fd;
  update.key = (uintptr_t)&key;
  update.value = (uintptr_t)&x->fd;
  if (bpf(BPF_MAP_UPDATE_ELEM, &update) < 0) die("BPF_MAP_UPDATE_ELEM");
  union bpf_attr link = {0};
  link.link_create.prog_fd = program_fd;
  link.link_create.target_ifindex = if_nametoindex(interface);
  link.link_create.attach_type = BPF_XDP;
  link.link_create.flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  if (bpf(BPF_LINK_CREATE, &link) < 0) die("BPF_LINK_CREATE");
}

// Hands the first `count` of the sent chunks back. Returns how many there were.
static inline uint32_t completed(struct xsk *x) {
  uint32_t consumer = *x->completion.consumer;
  uint32_t count = __atomic_load_n(x->completion.producer, __ATOMIC_ACQUIRE) - consumer;
  if (count > 0) __atomic_store_n(x->completion.consumer, consumer + count, __ATOMIC_RELEASE);
  return count;
}

static inline void kick(struct xsk *x) {
  while (__atomic_load_n(x->tx.consumer, __ATOMIC_ACQUIRE) != *x->tx.producer) {
    if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY && errno != ENOBUFS)
      die("sendto");
  }
}

static inline void wake_fill(struct xsk *x) {
  if (__atomic_load_n(x->fill.flags, __ATOMIC_ACQUIRE) & XDP_RING_NEED_WAKEUP)
    recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

#endif

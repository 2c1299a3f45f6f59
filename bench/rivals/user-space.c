// The library's own work, done in C: rings in ordinary memory, and the least that keeps their other side going.
// what=receive|send endpoints=N scattered=0|1 version=4|6 packets=N payload=BYTES
// Answers with nanoseconds per packet without the simulated kernel's, which it measures, too, as the bench of the
// library does (children/user-space.mjs).
#pragma GCC diagnostic ignored "-Wunused-function"
#include "common.h"

#define RING 4096
#define CHUNK 2048
#define HEADROOM 258
#define WAKE_UP 256
#define BURST 64
#define HEADERS6 62

struct ring {
  uint32_t producer, consumer;
};

static uint8_t *umem;
static struct ring rx, fill, tx, completion;
static struct xdp_desc rx_entries[RING], tx_entries[RING];
static uint64_t fill_entries[RING], completion_entries[RING];
static struct endpoints endpoints;
// What a wake-up has brought: each endpoint's frames as a list, delivered when all are there.
static struct row {
  uint64_t payload;
  uint32_t length, next;
} rows[WAKE_UP];
static struct list {
  uint32_t head, tail, count;
} *lists;
static uint32_t touched[WAKE_UP];
static uint64_t seen;
static uint16_t order[1 << 16];
static uint32_t at;
static int frame_length;
static bool is6;

static void arrive(void) {
  for (int i = 0; i < WAKE_UP; i++) {
    uint64_t address = fill_entries[fill.consumer++ & (RING - 1)] + HEADROOM;
    memcpy(umem + address + 4, &order[(at + i) & 0xffff], 2);
    rx_entries[rx.producer++ & (RING - 1)] = (struct xdp_desc){.addr = address, .len = frame_length};
  }
}

static void unarrive(void) {
  rx.producer -= WAKE_UP;
  fill.consumer -= WAKE_UP;
  at = (at + WAKE_UP) & 0xffff;
}

// As take_frame of common.h, of IPv6: RFC 8200's header without extensions; the checksum must be there (§8.1).
static inline struct endpoint *take_frame6(struct endpoints *e, const uint8_t *f, uint32_t length) {
  if (length < HEADERS6 || get16(f + 12) != ETH_P_IPV6) return NULL;
  const uint8_t *ip = f + 14;
  if (ip[0] >> 4 != 6 || ip[6] != 17) return NULL;
  uint32_t total = get16(ip + 4);
  uint32_t udp = get16(f + 58);
  if (total + 54 > length || udp < 8 || udp > total || get16(f + 60) == 0) return NULL;
  uint32_t pseudo = sum16(f + 22, 32, 0) + htons(17) + htons(udp);
  if (fold(sum16(f + 54, udp, pseudo)) != 0xffff) return NULL;
  uint64_t mac = mac_at(f);
  uint32_t slot = hash_mac(mac) & e->mask;
  static const uint8_t own[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};
  while (e->slots[slot] != 0) {
    struct endpoint *found = &e->all[e->slots[slot] - 1];
    if (found->mac == mac) {
      if (memcmp(f + 38, own, 16) != 0 || get16(f + 56) != found->port) return NULL;
      return found;
    }
    slot = (slot + 1) & e->mask;
  }
  return NULL;
}

__attribute__((noinline)) static void deliver(struct endpoint *endpoint, uint32_t head) {
  for (uint32_t row = head; row != UINT32_MAX; row = rows[row].next) {
    seen += rows[row].length > 0;
    endpoint->bytes += rows[row].length;
  }
}

static void drain(void) {
  uint32_t count = 0, takers = 0;
  while (rx.consumer != rx.producer) {
    struct xdp_desc *d = &rx_entries[rx.consumer++ & (RING - 1)];
    const uint8_t *frame = umem + d->addr;
    struct endpoint *found = is6 ? take_frame6(&endpoints, frame, d->len) : take_frame(&endpoints, frame, d->len);
    if (found == NULL) continue;
    uint32_t headers = is6 ? HEADERS6 : HEADERS;
    uint32_t index = found - endpoints.all;
    struct list *list = &lists[index];
    rows[count] = (struct row){.payload = d->addr + headers, .length = get16(frame + headers - 4) - 8, .next = UINT32_MAX};
    if (list->count++ == 0) {
      list->head = count;
      touched[takers++] = index;
    } else {
      rows[list->tail].next = count;
    }
    list->tail = count++;
  }
  for (uint32_t i = 0; i < takers; i++) {
    struct list *list = &lists[touched[i]];
    list->count = 0;
    deliver(&endpoints.all[touched[i]], list->head);
  }
  for (uint32_t i = 0; i < WAKE_UP; i++) {
    uint64_t address = rx_entries[(rx.consumer - WAKE_UP + i) & (RING - 1)].addr;
    fill_entries[fill.producer++ & (RING - 1)] = address & ~(uint64_t)(CHUNK - 1);
  }
}

static void make_frames(const uint8_t *payload, int length) {
  uint8_t header[HEADERS];
  header_template(header);
  for (uint64_t chunk = 0; chunk < RING; chunk++) {
    uint8_t *f = umem + chunk * CHUNK + HEADROOM;
    if (!is6) {
      frame_length = build_frame(f, header, payload, length, 0, 0, true);
    } else {
      memcpy(f, header, 12);
      put16(f + 12, ETH_P_IPV6);
      uint8_t *ip = f + 14;
      memset(ip, 0, 48);
      ip[0] = 0x60, ip[6] = 17, ip[7] = 64;
      put16(ip + 4, 8 + length);
      ip[8] = 0x20, ip[9] = 1, ip[10] = 0xd, ip[11] = 0xb8, ip[23] = 1;
      memcpy(ip + 24, ip + 8, 15);
      ip[39] = 2;
      put16(f + 54, SENDER_PORT);
      put16(f + 56, PORT);
      put16(f + 58, 8 + length);
      memcpy(f + HEADERS6, payload, length);
      uint32_t pseudo = sum16(f + 22, 32, 0) + htons(17) + htons(8 + length);
      uint16_t udp = (uint16_t)~fold(sum16(f + 54, 8 + length, pseudo));
      memcpy(f + 60, &udp, 2);
      frame_length = HEADERS6 + length;
    }
    fill_entries[fill.producer++ & (RING - 1)] = chunk * CHUNK;
  }
}

// sendto() in copy mode: at most 32 frames a call, complete at once.
__attribute__((noinline)) static void kick(void) {
  for (int i = 0; i < 32 && tx.consumer != tx.producer; i++)
    completion_entries[completion.producer++ & (RING - 1)] = tx_entries[tx.consumer++ & (RING - 1)].addr;
}

// A burst: chunks, headers, payloads, checksums, descriptors, and the completions of those before.
static void send_burst(const uint8_t *header, const uint8_t *payload, int length, uint64_t *free_chunks, int *free_count) {
  static uint16_t id;
  while (completion.consumer != completion.producer)
    free_chunks[(*free_count)++] = completion_entries[completion.consumer++ & (RING - 1)];
  for (int i = 0; i < BURST; i++) {
    uint64_t address = free_chunks[--*free_count];
    int size = build_frame(umem + address, header, payload, length, 0, id++, true);
    tx_entries[tx.producer++ & (RING - 1)] = (struct xdp_desc){.addr = address, .len = size};
  }
  while (tx.consumer != tx.producer) kick();
  seen += BURST;
}

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  bool sends = strcmp(text_argument("what", "receive"), "send") == 0;
  uint32_t count = number_argument("endpoints", 1);
  bool scattered = number_argument("scattered", 0) != 0;
  long packets = number_argument("packets", 10000000);
  int length = number_argument("payload", 18);
  is6 = number_argument("version", 4) == 6;
  static uint8_t payload[2048];
  memset(payload, 0x5a, sizeof payload);
  umem = mmap(NULL, (size_t)RING * CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (umem == MAP_FAILED) die("mmap");
  endpoints = make_endpoints(count);
  lists = calloc(count, sizeof *lists);
  for (uint32_t i = 0; i < 1 << 16; i++) {
    uint32_t n = ((scattered ? i + 1 : (i >> 8) + 1) * 0x9e3779b1u) % count;
    order[i] = htons(n);
  }
  uint64_t elapsed, simulation = 0;
  long rounds = (packets + (sends ? BURST : WAKE_UP) - 1) / (sends ? BURST : WAKE_UP);
  if (sends) {
    uint8_t header[HEADERS];
    header_template(header);
    static uint64_t free_chunks[RING];
    int free_count = 0;
    for (uint64_t chunk = 0; chunk < RING; chunk++) free_chunks[free_count++] = chunk * CHUNK + 2;
    for (long i = 0; i < rounds / 10; i++) send_burst(header, payload, length, free_chunks, &free_count);
    seen = 0;
    uint64_t start = now_ns();
    for (long i = 0; i < rounds; i++) send_burst(header, payload, length, free_chunks, &free_count);
    elapsed = now_ns() - start;
    packets = rounds * BURST;
  } else {
    make_frames(payload, length);
    for (long i = 0; i < rounds / 10; i++) {
      arrive();
      drain();
      at = (at + WAKE_UP) & 0xffff;
    }
    seen = 0;
    uint64_t start = now_ns();
    for (long i = 0; i < rounds; i++) {
      arrive();
      drain();
      at = (at + WAKE_UP) & 0xffff;
    }
    elapsed = now_ns() - start;
    packets = rounds * WAKE_UP;
    for (int i = 0; i < 4000; i++) arrive(), unarrive();
    start = now_ns();
    for (int i = 0; i < 4000; i++) arrive(), unarrive();
    simulation = (now_ns() - start) / (4000.0 * WAKE_UP) * 1000;
  }
  if (seen < packets * 0.999) {
    fprintf(stderr, "%llu of %ld packets\n", (unsigned long long)seen, packets);
    return 1;
  }
  printf("{\"nanoseconds\":%.2f,\"simulation\":%.2f}\n", (double)elapsed / packets, simulation / 1000.0);
  return 0;
}

// What the rivals in C have in common: arguments, the conversation with the suite, frames, AF_XDP sockets.
// They use raw system calls only, so that nothing stands between them and the kernel.
#ifndef RIVALS_COMMON_H
#define RIVALS_COMMON_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

#define BATCH 32
#define HEADERS 42
#define PORT 9000
#define SENDER_PORT 4000

static inline void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

// Arguments are name=value.
static int arg_count;
static char **arg_values;

static const char *text_argument(const char *name, const char *fallback) {
  size_t length = strlen(name);
  for (int i = 1; i < arg_count; i++)
    if (strncmp(arg_values[i], name, length) == 0 && arg_values[i][length] == '=') return arg_values[i] + length + 1;
  return fallback;
}

static long number_argument(const char *name, long fallback) {
  const char *text = text_argument(name, NULL);
  return text == NULL ? fallback : strtol(text, NULL, 10);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

// User and system time of this process.
static uint64_t cpu_ns(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return ((uint64_t)u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
         ((uint64_t)u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

static void say_ready(void) {
  printf("ready\n");
  fflush(stdout);
}

// The next character from the suite, 0 when there is none now. Ends with the suite.
static char next_command(void) {
  struct pollfd fd = {.fd = 0, .events = POLLIN};
  if (poll(&fd, 1, 0) <= 0) return 0;
  char c;
  if (read(0, &c, 1) <= 0) exit(0);
  return c;
}

static void await_begin(void) {
  char c;
  do
    if (read(0, &c, 1) <= 0) exit(0);
  while (c != 'b');
}

// --- Frames ---

static inline uint32_t sum16(const uint8_t *bytes, int length, uint32_t sum) {
  const uint8_t *end = bytes + (length & ~1);
  uint64_t wide = sum;
  for (; bytes + 4 <= end; bytes += 4) {
    uint32_t word;
    memcpy(&word, bytes, 4);
    wide += word;
  }
  for (; bytes < end; bytes += 2) {
    uint16_t word;
    memcpy(&word, bytes, 2);
    wide += word;
  }
  if (length & 1) wide += *bytes;
  wide = (wide & 0xffffffff) + (wide >> 32);
  wide = (wide & 0xffff) + ((wide >> 16) & 0xffff) + (wide >> 32);
  wide = (wide & 0xffff) + (wide >> 16);
  return (uint32_t)wide;
}

static inline uint16_t fold(uint32_t sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

static void put16(uint8_t *at, unsigned value) {
  at[0] = value >> 8;
  at[1] = value;
}

static inline unsigned get16(const uint8_t *at) { return at[0] << 8 | at[1]; }

// The headers that every sender starts from, see lib/plan.mjs. Lengths, id and checksums are patched per packet.
static void header_template(uint8_t *h) {
  static const uint8_t ethernet[14] = {2, 0xec, 0, 0, 0, 0, 2, 0xed, 0, 0, 0, 1, 8, 0};
  memcpy(h, ethernet, 14);
  memset(h + 14, 0, 28);
  h[14] = 0x45;
  h[20] = 0x40;
  h[22] = 64;
  h[23] = 17;
  h[26] = 10, h[27] = 9, h[29] = 1;
  h[30] = 10, h[31] = 9, h[33] = 2;
  const char *mac = text_argument("mac", NULL);
  unsigned m[6];
  if (mac != NULL && sscanf(mac, "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) == 6)
    for (int i = 0; i < 6; i++) h[i] = m[i];
  put16(h + 34, SENDER_PORT);
  put16(h + 36, PORT);
}

// One packet: headers, station, payload, lengths, id, checksums.
static inline int build_frame(uint8_t *to, const uint8_t *header, const uint8_t *payload, int length, uint32_t station,
                              uint16_t id, bool checksum) {
  memcpy(to, header, HEADERS);
  if (station != 0) {
    to[3] = station >> 16;
    to[4] = station >> 8;
    to[5] = station;
  }
  memcpy(to + HEADERS, payload, length);
  put16(to + 16, 28 + length);
  put16(to + 18, id);
  uint16_t ip = (uint16_t)~fold(sum16(to + 14, 20, 0));
  memcpy(to + 24, &ip, 2);
  put16(to + 38, 8 + length);
  if (checksum) {
    uint32_t pseudo = sum16(to + 26, 8, 0) + htons(17) + htons(8 + length);
    uint16_t udp = (uint16_t)~fold(sum16(to + 34, 8 + length, pseudo));
    if (udp == 0) udp = 0xffff;
    memcpy(to + 40, &udp, 2);
  }
  return HEADERS + length;
}

// --- Endpoints: what a receiver finds a packet's owner by ---

struct endpoint {
  uint64_t mac;
  uint32_t address;
  uint16_t port;
  uint64_t packets;
  uint64_t bytes;
};

struct endpoints {
  struct endpoint *all;
  uint32_t *slots;
  uint32_t mask;
};

static inline uint32_t hash_mac(uint64_t mac) {
  mac *= 0x9e3779b97f4a7c15u;
  return (uint32_t)(mac >> 32);
}

static inline uint64_t mac_at(const uint8_t *at) {
  uint32_t high;
  uint16_t low;
  memcpy(&high, at, 4);
  memcpy(&low, at + 4, 2);
  return (uint64_t)low << 32 | high;
}

static struct endpoints make_endpoints(uint32_t count) {
  struct endpoints e;
  uint32_t size = 16;
  while (size < 2 * count) size *= 2;
  e.mask = size - 1;
  e.slots = calloc(size, sizeof *e.slots);
  e.all = calloc(count, sizeof *e.all);
  for (uint32_t i = 0; i < count; i++) {
    uint8_t mac[6] = {2, 0xec, 0, i >> 16, i >> 8, i};
    e.all[i].mac = mac_at(mac);
    e.all[i].address = htonl(0x0a090002);
    e.all[i].port = PORT;
    uint32_t slot = hash_mac(e.all[i].mac) & e.mask;
    while (e.slots[slot] != 0) slot = (slot + 1) & e.mask;
    e.slots[slot] = i + 1;
  }
  return e;
}

// The whole work of receiving one packet: parse, verify, demultiplex, count. NULL when it is for nobody.
static inline struct endpoint *take_frame(struct endpoints *e, const uint8_t *f, uint32_t length) {
  if (length < HEADERS || get16(f + 12) != ETH_P_IP) return NULL;
  const uint8_t *ip = f + 14;
  if (ip[0] != 0x45 || ip[9] != 17 || (get16(ip + 6) & 0x3fff) != 0) return NULL;
  uint32_t total = get16(ip + 2);
  uint32_t udp = get16(f + 38);
  if (total > length - 14 || udp < 8 || udp + 20 > total) return NULL;
  if (fold(sum16(ip, 20, 0)) != 0xffff) return NULL;
  if (get16(f + 40) != 0) {
    uint32_t pseudo = sum16(f + 26, 8, 0) + htons(17) + htons(udp);
    if (fold(sum16(f + 34, udp, pseudo)) != 0xffff) return NULL;
  }
  uint64_t mac = mac_at(f);
  uint32_t slot = hash_mac(mac) & e->mask;
  while (e->slots[slot] != 0) {
    struct endpoint *found = &e->all[e->slots[slot] - 1];
    if (found->mac == mac) {
      uint32_t address;
      memcpy(&address, f + 30, 4);
      if (address != found->address || get16(f + 36) != found->port) return NULL;
      found->packets++;
      found->bytes += udp - 8;
      return found;
    }
    slot = (slot + 1) & e->mask;
  }
  return NULL;
}

// --- Counting between 'b' and 'e' ---

static uint64_t received;
static uint64_t begin_received, begin_time, begin_cpu;

// Heeds the suite; `rounds` may be large, it looks only now and then.
static inline void heed_suite(void) {
  switch (next_command()) {
    case 'b':
      begin_received = received;
      begin_time = now_ns();
      begin_cpu = cpu_ns();
      break;
    case 'e': {
      uint64_t elapsed = now_ns() - begin_time;
      printf("{\"packets\":%llu,\"milliseconds\":%.3f,\"cpuMicroseconds\":%.1f}\n",
             (unsigned long long)(received - begin_received), elapsed / 1e6, (cpu_ns() - begin_cpu) / 1e3);
      exit(0);
    }
  }
}

// --- Sending at a rate ---

struct pace {
  uint64_t start, end;
  double per_ns;
};

static struct pace begin_pace(void) {
  struct pace p;
  p.start = now_ns();
  p.end = p.start + (uint64_t)number_argument("ms", 500) * 1000000u;
  p.per_ns = number_argument("rate", 0) / 1e9;
  return p;
}

// Whether another batch may go now; waits for it by spinning where a rate is asked for. False when time is up.
static inline bool next_batch(struct pace *p, uint64_t sent) {
  for (;;) {
    uint64_t now = now_ns();
    if (now >= p->end) return false;
    if (p->per_ns == 0 || sent <= (double)(now - p->start) * p->per_ns) return true;
  }
}

static int finish_sending(struct pace *p, uint64_t sent) {
  double elapsed = (now_ns() - p->start) / 1e6;
  printf("{\"packets\":%llu,\"milliseconds\":%.3f}\n", (unsigned long long)sent, elapsed);
  return 0;
}

#endif

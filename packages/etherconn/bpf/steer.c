/*
 * The steering program, run by the kernel for every frame that an interface receives, before its own network
 * stack: frames for registered endpoints go to the AF_XDP socket of their queue, everything else goes on as if
 * we were not there.
 *
 * Needs no kernel headers, no BTF, no CAP_PERFMON and no loops at run time, so that any clang builds it and any kernel from 5.10
 * loads it. `npm run build:bpf` compiles it into src/link/xdp/generated/steer.ts, where the maps' file
 * descriptors are put in when it is loaded; the maps are made by src/link/xdp/program.ts.
 */
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;

#include "steer.h"

#define INLINE static __attribute__((always_inline))

/* linux/bpf.h */
struct xdp_md {
  uint32_t data;
  uint32_t data_end;
  uint32_t data_meta;
  uint32_t ingress_ifindex;
  uint32_t rx_queue_index;
};
enum xdp_action { XDP_PASS = 2, XDP_REDIRECT = 4 };
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_redirect_map)(void *map, uint64_t key, uint64_t flags) = (void *)51;

extern char xsks, endpoints, services, settings, counters;

#define TYPE_VLAN 0x8100   /* IEEE 802.1Q */
#define TYPE_S_VLAN 0x88a8 /* IEEE 802.1ad */
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define PROTOCOL_UDP 17

/* Tags that are walked over, priority tags included. */
#define VLAN_TAGS 4
/* Queues that fit a bit mask. */
#define QUEUES 64

struct ethernet {
  unsigned char destination[6];
  unsigned char source[6];
  uint16_t type;
};

struct vlan_tag {
  uint16_t tci;
  uint16_t type;
};

/* RFC 791 §3.1 */
struct ipv4 {
  unsigned char version_and_length;
  unsigned char service;
  uint16_t total_length;
  uint16_t identification;
  uint16_t flags_and_offset;
  unsigned char ttl;
  unsigned char protocol;
  uint16_t checksum;
  unsigned char source[4];
  unsigned char destination[4];
};

/* RFC 8200 §3 */
struct ipv6 {
  unsigned char version_and_class[4];
  uint16_t payload_length;
  unsigned char next_header;
  unsigned char hop_limit;
  unsigned char source[16];
  unsigned char destination[16];
};

/* RFC 768 */
struct udp {
  uint16_t source_port;
  uint16_t destination_port;
  uint16_t length;
  uint16_t checksum;
};

#define NETWORK16(value) __builtin_bswap16(value)

/*
 * What follows an IPv4 header of 20 to 60 bytes. Without CAP_PERFMON the kernel lets nobody add a number from the
 * packet to a pointer, so each length is added as a constant, and the compiler kept from making it one addition.
 */
INLINE const void *after_ipv4(const unsigned char *l3, uint32_t header) {
  const unsigned char *after = l3 + sizeof(struct ipv4);
#pragma clang loop unroll(full)
  for (uint32_t length = sizeof(struct ipv4) + 4; length <= 60; length += 4) {
    if (header == length) {
      after = l3 + length;
      __asm__ volatile("" : "+r"(after));
    }
  }
  return after;
}

/*
 * Fills the key with the service that a datagram is for; 0 when the packet at `l3` is no whole UDP datagram. A
 * fragment is none: later ones have no ports, and all of them must go the same way.
 */
INLINE int read_service(const unsigned char *l3, const unsigned char *end, uint16_t type, struct service_key *key) {
  const struct udp *udp;
  if (type == TYPE_IPV4) {
    const struct ipv4 *ip = (const void *)l3;
    if ((const unsigned char *)(ip + 1) > end) return 0;
    if (ip->version_and_length >> 4 != 4) return 0;
    uint32_t header = (ip->version_and_length & 0xf) * 4;
    if (header < sizeof *ip || ip->protocol != PROTOCOL_UDP) return 0;
    /* MF and the fragment offset. */
    if (ip->flags_and_offset & NETWORK16(0x3fff)) return 0;
    /* The ports must be the packet's own, not the padding of a short frame. */
    if (NETWORK16(ip->total_length) < header + sizeof *udp) return 0;
    udp = after_ipv4(l3, header);
    key->version = 4;
    __builtin_memcpy(&key->address[0], ip->destination, 4);
  } else if (type == TYPE_IPV6) {
    const struct ipv6 *ip = (const void *)l3;
    if ((const unsigned char *)(ip + 1) > end) return 0;
    if (ip->version_and_class[0] >> 4 != 6 || ip->next_header != PROTOCOL_UDP) return 0;
    if (NETWORK16(ip->payload_length) < sizeof *udp) return 0;
    udp = (const void *)(ip + 1);
    key->version = 6;
    __builtin_memcpy(key->address, ip->destination, 16);
  } else {
    return 0;
  }
  if ((const unsigned char *)(udp + 1) > end) return 0;
  key->port = udp->destination_port;
  return 1;
}

/* What is to become of a frame; REDIRECTED when the socket of its queue takes it. */
INLINE enum disposition classify(const struct xdp_md *context) {
  const unsigned char *data = (void *)(long)context->data;
  const unsigned char *end = (void *)(long)context->data_end;
  uint32_t queue = context->rx_queue_index;
  uint64_t bit = queue < QUEUES ? 1ULL << queue : 0;
  uint32_t zero = 0;

  const struct ethernet *ethernet = (const void *)data;
  if ((const unsigned char *)(ethernet + 1) > end) return UNREADABLE;
  if (ethernet->destination[0] & 1) return GROUP;

  struct settings *set = bpf_map_lookup_elem(&settings, &zero);
  if (!set) return UNREADABLE; /* an array's entries are always there; the verifier cannot know */
  if (set->take_all & bit) return REDIRECTED;

  const unsigned char *at = (const unsigned char *)(ethernet + 1);
  uint16_t type = NETWORK16(ethernet->type);
  uint32_t vlan_key = 0;
#pragma clang loop unroll(full)
  for (int i = 0; i < VLAN_TAGS; i++) {
    if (type != TYPE_VLAN && type != TYPE_S_VLAN) break;
    const struct vlan_tag *tag = (const void *)at;
    if ((const unsigned char *)(tag + 1) > end) return UNREADABLE;
    uint32_t vid = NETWORK16(tag->tci) & 0xfff;
    /* A priority tag names no VLAN. */
    if (vid) {
      uint32_t depth = vlan_key >> 24;
      if (depth == 0) vlan_key = 1 << 24 | vid;
      else if (depth == 1) vlan_key = 2 << 24 | (vlan_key & 0xfff) << 12 | vid;
      else vlan_key += 1 << 24;
    }
    type = NETWORK16(tag->type);
    at = (const unsigned char *)(tag + 1);
  }
  if (type == TYPE_VLAN || type == TYPE_S_VLAN) return UNREADABLE;

  enum disposition disposition = NO_ENDPOINT;
  struct endpoint_key key = {.vlan_key = vlan_key};
  __builtin_memcpy(key.mac, ethernet->destination, sizeof key.mac);
  struct endpoint *endpoint = bpf_map_lookup_elem(&endpoints, &key);
  if (endpoint) {
    uint64_t wanted = endpoint->any;
#pragma clang loop unroll(full)
    for (int i = 0; i < ENDPOINT_ETHER_TYPES; i++) {
      if (endpoint->types[i] == type) wanted |= endpoint->queues[i];
    }
    if (wanted & bit) return REDIRECTED;
    disposition = wanted ? OTHER_QUEUE : OTHER_TYPE;
  }

  if (set->services) {
    struct service_key service = {.vlan_key = vlan_key};
    __builtin_memcpy(service.mac, ethernet->destination, sizeof service.mac);
    if (read_service(at, end, type, &service)) {
      uint64_t *queues = bpf_map_lookup_elem(&services, &service);
      if (queues) {
        if (*queues & bit) return REDIRECTED;
        disposition = OTHER_QUEUE;
      }
    }
  }
  return disposition;
}

__attribute__((section("xdp"), used)) int steer(struct xdp_md *context) {
  enum disposition disposition = classify(context);
  int verdict = XDP_PASS;
  if (disposition == REDIRECTED) {
    /* The flags are the verdict where the queue has no socket. */
    verdict = bpf_redirect_map(&xsks, context->rx_queue_index, XDP_PASS);
    if (verdict != XDP_REDIRECT) disposition = NO_SOCKET;
  }
  uint32_t entry = disposition;
  uint64_t *total = bpf_map_lookup_elem(&counters, &entry);
  /* Per CPU: nobody else writes here. */
  if (total) *total += 1;
  return verdict;
}

/*
 * What the steering program and user space agree on: the shapes of the maps' keys and values. Included by
 * steer.c (compiled for BPF) and native/steering.c (compiled for the host), which bring their own uint16_t,
 * uint32_t and uint64_t. src/link/xdp/ writes the same bytes. Host byte order unless said otherwise; only
 * little-endian machines are supported.
 */
#ifndef ETHERCONN_STEER_H
#define ETHERCONN_STEER_H

/* EtherTypes that an endpoint can name; whoever wants more gets all of them. */
#define ENDPOINT_ETHER_TYPES 6

/* Key of the map `endpoints`: who a frame is for. */
struct endpoint_key {
  unsigned char mac[6];
  uint16_t zero;
  /* Number of tags and their VIDs, laid out as vlanKeyAdd() of src/wire/vlan.ts says. */
  uint32_t vlan_key;
};

/*
 * Value of the map `endpoints`: which queues take which frames. Bit n stands for queue n. Each EtherType has its
 * own queues, so that threads which own different queues change different bits, and one can take its bits back
 * without knowing what the others want.
 */
struct endpoint {
  /* Queues that take every EtherType. */
  uint64_t any;
  /* Queues that take types[i]; 0 in slots that are free. */
  uint64_t queues[ENDPOINT_ETHER_TYPES];
  uint16_t types[ENDPOINT_ETHER_TYPES];
  uint32_t zero;
};

/* Key of the map `services`: one UDP port on one IP address, as reached by one MAC address in one VLAN. */
struct service_key {
  unsigned char mac[6];
  /* In network byte order, as in the datagram. */
  uint16_t port;
  uint32_t vlan_key;
  /* 4 or 6. */
  uint32_t version;
  /* In network byte order; an IPv4 address is followed by zeros. */
  uint32_t address[4];
};

/* Value of the only entry of the map `settings`. */
struct settings {
  /* Queues that take every unicast frame. */
  uint64_t take_all;
  /* How many entries `services` has: with none, no frame is looked at beyond its EtherType. */
  uint64_t services;
};

/* What became of a frame; each has exactly one. Key of the map `counters`, whose values are 64-bit numbers per CPU. */
enum disposition {
  /* Given to the socket of its queue. */
  REDIRECTED,
  /* Would have been, but its queue has no socket. */
  NO_SOCKET,
  /* For an endpoint or service that takes it, but from other queues. */
  OTHER_QUEUE,
  /* For an endpoint that does not take its EtherType. */
  OTHER_TYPE,
  /* For nobody here. */
  NO_ENDPOINT,
  /* Broadcast or multicast: the kernel's, and ours by another way. */
  GROUP,
  /* Too short for its own headers, or with more VLAN tags than are looked at. */
  UNREADABLE
};

#endif

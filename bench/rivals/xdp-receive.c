// AF_XDP receiver: parses, verifies and demultiplexes every packet.
// if=NAME endpoints=N mode=native|generic wait=poll|spin
#include "xsk.h"

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  const char *interface = text_argument("if", "far0");
  bool spin = strcmp(text_argument("wait", "poll"), "spin") == 0;
  struct endpoints endpoints = make_endpoints(number_argument("endpoints", 1));
  struct xsk x = open_xsk(interface);
  redirect_all(&x, interface, strcmp(text_argument("mode", "native"), "native") == 0);
  say_ready();
  struct pollfd fds[2] = {{.fd = x.fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  uint32_t idle = 0, rounds = 0;
  for (;;) {
    uint32_t consumer = *x.rx.consumer;
    uint32_t count = __atomic_load_n(x.rx.producer, __ATOMIC_ACQUIRE) - consumer;
    if (count == 0) {
      if (!spin) {
        poll(fds, 2, -1);
        if (fds[1].revents) heed_suite();
      } else if ((++idle & 0x3fff) == 0) {
        heed_suite();
      }
      continue;
    }
    if (count > 256) count = 256;
    uint32_t fill = *x.fill.producer;
    for (uint32_t i = 0; i < count; i++) {
      struct xdp_desc *d = descriptor(&x.rx, consumer + i);
      if (take_frame(&endpoints, x.umem + d->addr, d->len) != NULL) received++;
      *address_entry(&x.fill, fill + i) = d->addr & ~(uint64_t)(CHUNK - 1);
    }
    __atomic_store_n(x.rx.consumer, consumer + count, __ATOMIC_RELEASE);
    __atomic_store_n(x.fill.producer, fill + count, __ATOMIC_RELEASE);
    wake_fill(&x);
    if ((++rounds & 0x3ff) == 0) heed_suite();
  }
}

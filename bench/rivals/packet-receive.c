// AF_PACKET receiver over a mapped ring, with poll: parses, verifies and demultiplexes every packet.
// if=NAME endpoints=N version=2|3
#include "common.h"

// As the library's default: 4096 frames of 2048 bytes, or the same memory as blocks.
#define FRAME_SIZE 2048
#define FRAMES 4096
#define BLOCK_V3 (256 << 10)

static void take(struct endpoints *e, const uint8_t *frame, uint32_t length) {
  if (take_frame(e, frame, length) != NULL) received++;
}

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  int version = number_argument("version", 2);
  struct endpoints endpoints = make_endpoints(number_argument("endpoints", 1));
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) die("socket(AF_PACKET)");
  int format = version == 3 ? TPACKET_V3 : TPACKET_V2;
  if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &format, sizeof format) < 0) die("PACKET_VERSION");
  struct tpacket_req3 request = {0};
  request.tp_frame_size = FRAME_SIZE;
  request.tp_block_size = version == 3 ? BLOCK_V3 : 1 << 16;
  request.tp_block_nr = (uint64_t)FRAMES * FRAME_SIZE / request.tp_block_size;
  request.tp_frame_nr = FRAMES;
  request.tp_retire_blk_tov = 1;
  socklen_t size = version == 3 ? sizeof request : sizeof(struct tpacket_req);
  if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, size) < 0) die("PACKET_RX_RING");
  uint8_t *ring = mmap(NULL, (size_t)FRAMES * FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (ring == MAP_FAILED) die("mmap");
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_protocol = htons(ETH_P_ALL),
                                .sll_ifindex = if_nametoindex(text_argument("if", "far0"))};
  struct packet_mreq promiscuous = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
  setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind(AF_PACKET)");
  say_ready();
  struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  uint32_t at = 0, rounds = 0;
  for (;;) {
    bool found = false;
    if (version == 3) {
      struct tpacket_block_desc *block = (void *)(ring + (size_t)at * BLOCK_V3);
      if (__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) {
        struct tpacket3_hdr *h = (void *)((uint8_t *)block + block->hdr.bh1.offset_to_first_pkt);
        for (uint32_t i = 0; i < block->hdr.bh1.num_pkts; i++) {
          take(&endpoints, (uint8_t *)h + h->tp_mac, h->tp_snaplen);
          h = (void *)((uint8_t *)h + h->tp_next_offset);
        }
        __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        at = (at + 1) % request.tp_block_nr;
        found = true;
      }
    } else {
      for (int i = 0; i < 256; i++) {
        struct tpacket2_hdr *h = (void *)(ring + (size_t)at * FRAME_SIZE);
        if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) break;
        take(&endpoints, (uint8_t *)h + h->tp_mac, h->tp_snaplen);
        __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        at = (at + 1) % FRAMES;
        found = true;
      }
    }
    if (!found) {
      poll(fds, 2, -1);
      if (fds[1].revents) heed_suite();
    } else if ((++rounds & 0x3ff) == 0) {
      heed_suite();
    }
  }
}

// AF_XDP sender: builds a whole UDP packet for each frame, a kick for each batch of 32.
// if=NAME mac=STATION0 payload=BYTES endpoints=N checksum=0|1 rate=PPS(0: as fast as it goes) ms=MILLISECONDS
#include "xsk.h"

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  const char *interface = text_argument("if", "near0");
  int length = number_argument("payload", 18);
  uint32_t endpoints = number_argument("endpoints", 1);
  bool checksum = number_argument("checksum", 1);
  struct xsk x = open_xsk(interface);
  uint8_t header[HEADERS], payload[2048];
  header_template(header);
  memset(payload, 0x5a, sizeof payload);
  uint32_t chunk = 0, free_chunks = RING, producer = *x.tx.producer, station = 0;
  uint64_t sent = 0;
  say_ready();
  await_begin();
  struct pace pace = begin_pace();
  while (next_batch(&pace, sent)) {
    free_chunks += completed(&x);
    if (free_chunks < BATCH) {
      kick(&x);
      continue;
    }
    for (int i = 0; i < BATCH; i++) {
      uint64_t address = (uint64_t)(RING + chunk) * CHUNK + HEADROOM;
      chunk = (chunk + 1) & (RING - 1);
      uint32_t bytes = build_frame(x.umem + address, header, payload, length, station, sent + i, checksum);
      if (++station == endpoints) station = 0;
      *descriptor(&x.tx, producer++) = (struct xdp_desc){.addr = address, .len = bytes, .options = 0};
    }
    free_chunks -= BATCH;
    __atomic_store_n(x.tx.producer, producer, __ATOMIC_RELEASE);
    kick(&x);
    sent += BATCH;
  }
  return finish_sending(&pace, sent);
}

// Echo over AF_XDP: if=NAME role=server|client wait=poll|spin outstanding=N payload=BYTES ms=MILLISECONDS
#include "echo.h"
#include "xsk.h"

static struct xsk x;
static bool spin;
static uint8_t header[HEADERS], payload[2048];
static int length;
static uint32_t chunk, producer;
static uint16_t id;

static void await_frames(int timeout) {
  struct pollfd fd = {.fd = x.fd, .events = POLLIN};
  if (!spin) poll(&fd, 1, timeout);
}

static uint32_t waiting_frames(void) { return __atomic_load_n(x.rx.producer, __ATOMIC_ACQUIRE) - *x.rx.consumer; }

static void queue_frame(uint64_t address, uint32_t bytes) {
  *descriptor(&x.tx, producer++) = (struct xdp_desc){.addr = address, .len = bytes, .options = 0};
}

static void flush(void) {
  __atomic_store_n(x.tx.producer, producer, __ATOMIC_RELEASE);
  kick(&x);
}

static void queue_request(uint8_t slot) {
  uint64_t address = (uint64_t)(RING + chunk) * CHUNK + HEADROOM;
  chunk = (chunk + 1) & (RING - 1);
  payload[0] = slot;
  sent_at[slot] = now_ns();
  queue_frame(address, build_frame(x.umem + address, header, payload, length, 0, id++, true));
}

static void start(uint8_t slot) {
  queue_request(slot);
  flush();
}

static bool turn(void) {
  uint32_t count = waiting_frames();
  if (count == 0) {
    await_frames(50);
    return false;
  }
  completed(&x);
  uint32_t consumer = *x.rx.consumer, fill = *x.fill.producer;
  for (uint32_t i = 0; i < count; i++) {
    struct xdp_desc *d = descriptor(&x.rx, consumer + i);
    uint8_t *frame = x.umem + d->addr;
    if (d->len > HEADERS && get16(frame + 36) == SENDER_PORT) {
      uint8_t slot = frame[HEADERS];
      note_round_trip(slot);
      queue_request(slot);
    }
    *address_entry(&x.fill, fill + i) = d->addr & ~(uint64_t)(CHUNK - 1);
  }
  __atomic_store_n(x.rx.consumer, consumer + count, __ATOMIC_RELEASE);
  __atomic_store_n(x.fill.producer, fill + count, __ATOMIC_RELEASE);
  flush();
  wake_fill(&x);
  return true;
}

static void swap(uint8_t *a, uint8_t *b, int bytes) {
  uint8_t kept[8];
  memcpy(kept, a, bytes);
  memcpy(a, b, bytes);
  memcpy(b, kept, bytes);
}

// Answers from where a frame lies; its chunk is received into again when it has been sent.
static void serve(void) {
  struct endpoints endpoints = make_endpoints(1);
  say_ready();
  for (;;) {
    uint32_t count = waiting_frames();
    uint32_t consumer = *x.rx.consumer, fill = *x.fill.producer, done = *x.completion.consumer;
    uint32_t back = __atomic_load_n(x.completion.producer, __ATOMIC_ACQUIRE) - done;
    for (uint32_t i = 0; i < back; i++)
      *address_entry(&x.fill, fill++) = *address_entry(&x.completion, done + i) & ~(uint64_t)(CHUNK - 1);
    __atomic_store_n(x.completion.consumer, done + back, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < count; i++) {
      struct xdp_desc *d = descriptor(&x.rx, consumer + i);
      uint8_t *frame = x.umem + d->addr;
      if (take_frame(&endpoints, frame, d->len) == NULL) {
        *address_entry(&x.fill, fill++) = d->addr & ~(uint64_t)(CHUNK - 1);
        continue;
      }
      swap(frame, frame + 6, 6);
      swap(frame + 26, frame + 30, 4);
      swap(frame + 34, frame + 36, 2);
      queue_frame(d->addr, d->len);
    }
    __atomic_store_n(x.rx.consumer, consumer + count, __ATOMIC_RELEASE);
    __atomic_store_n(x.fill.producer, fill, __ATOMIC_RELEASE);
    flush();
    wake_fill(&x);
    if (count == 0) await_frames(-1);
  }
}

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  const char *interface = text_argument("if", "near0");
  spin = strcmp(text_argument("wait", "poll"), "spin") == 0;
  length = number_argument("payload", 18);
  x = open_xsk(interface);
  redirect_all(&x, interface, true);
  producer = *x.tx.producer;
  header_template(header);
  memset(payload, 0x5a, sizeof payload);
  if (strcmp(text_argument("role", "client"), "server") == 0) serve();
  return run_client(start, turn);
}

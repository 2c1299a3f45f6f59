// Injects frames: BPF_PROG_TEST_RUN runs a program over live frames, which redirects each into the veth, with neither a
// socket nor an sk_buff, so that the receiver is the limit.
#ifndef RIVALS_INJECT_H
#define RIVALS_INJECT_H
#include "xsk.h"

#define REPEATS 65536

static int inject(int program_fd, const uint8_t *frame, int bytes) {
  say_ready();
  await_begin();
  struct pace pace = begin_pace();
  uint64_t sent = 0;
  while (next_batch(&pace, sent)) {
    union bpf_attr attr = {0};
    attr.test.prog_fd = program_fd;
    attr.test.data_in = (uintptr_t)frame;
    attr.test.data_size_in = bytes;
    attr.test.repeat = REPEATS;
    attr.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    attr.test.batch_size = 64;
    if (bpf(BPF_PROG_TEST_RUN, &attr) < 0) die("BPF_PROG_TEST_RUN");
    sent += REPEATS;
  }
  return finish_sending(&pace, sent);
}

#endif

// AF_PACKET sender: builds a whole UDP packet for each frame, sendmmsg for each batch of 32.
// if=NAME payload=BYTES checksum=0|1 ms=MILLISECONDS
#include "common.h"

#ifndef PACKET_QDISC_BYPASS
#define PACKET_QDISC_BYPASS 20
#endif

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  int length = number_argument("payload", 18);
  bool checksum = number_argument("checksum", 1);
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) die("socket(AF_PACKET)");
  int one = 1, buffer = 4 << 20;
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(text_argument("if", "near0"))};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind(AF_PACKET)");
  uint8_t header[HEADERS], payload[2048];
  static uint8_t frames[BATCH][2048];
  header_template(header);
  memset(payload, 0x5a, sizeof payload);
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH] = {0};
  for (int i = 0; i < BATCH; i++) {
    parts[i].iov_base = frames[i];
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  uint64_t sent = 0;
  say_ready();
  await_begin();
  struct pace pace = begin_pace();
  while (next_batch(&pace, sent)) {
    for (int i = 0; i < BATCH; i++)
      parts[i].iov_len = build_frame(frames[i], header, payload, length, 0, sent + i, checksum);
    for (int done = 0; done < BATCH;) {
      int taken = sendmmsg(fd, messages + done, BATCH - done, MSG_DONTWAIT);
      if (taken > 0) done += taken;
      else if (errno != EAGAIN && errno != ENOBUFS) die("sendmmsg");
    }
    sent += BATCH;
  }
  return finish_sending(&pace, sent);
}

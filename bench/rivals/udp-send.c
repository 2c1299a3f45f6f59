// Kernel UDP sender: sendmmsg for each batch of 32.
// to=ADDRESS payload=BYTES connect=0|1 ms=MILLISECONDS
#include "common.h"

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  int length = number_argument("payload", 18);
  bool connected = number_argument("connect", 0);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int buffer = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  inet_pton(AF_INET, text_argument("to", "10.9.0.9"), &to.sin_addr);
  if (connected && connect(fd, (struct sockaddr *)&to, sizeof to) < 0) die("connect");
  uint8_t payload[2048];
  memset(payload, 0x5a, sizeof payload);
  struct iovec part = {.iov_base = payload, .iov_len = length};
  struct mmsghdr messages[BATCH] = {0};
  for (int i = 0; i < BATCH; i++) {
    messages[i].msg_hdr.msg_iov = &part;
    messages[i].msg_hdr.msg_iovlen = 1;
    if (connected) continue;
    messages[i].msg_hdr.msg_name = &to;
    messages[i].msg_hdr.msg_namelen = sizeof to;
  }
  uint64_t sent = 0;
  say_ready();
  await_begin();
  struct pace pace = begin_pace();
  while (next_batch(&pace, sent)) {
    int taken = sendmmsg(fd, messages, BATCH, 0);
    if (taken > 0) sent += taken;
    else if (errno != ENOBUFS && errno != EAGAIN) die("sendmmsg");
  }
  return finish_sending(&pace, sent);
}

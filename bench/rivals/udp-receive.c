// Kernel UDP receiver: recvmmsg of up to 32, blocking.
// No arguments; receives on port 9000.
#include "common.h"

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int buffer = 4 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0) die("bind");
  static uint8_t payloads[BATCH][2048];
  struct sockaddr_in from[BATCH];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH] = {0};
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){.iov_base = payloads[i], .iov_len = sizeof payloads[i]};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &from[i];
  }
  say_ready();
  struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  uint32_t rounds = 0;
  for (;;) {
    for (int i = 0; i < BATCH; i++) messages[i].msg_hdr.msg_namelen = sizeof from[i];
    int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    if (count > 0) received += count;
    if (count <= 0) {
      poll(fds, 2, -1);
      if (fds[1].revents) heed_suite();
    } else if ((++rounds & 0x3ff) == 0) {
      heed_suite();
    }
  }
}

// Echo over the kernel's UDP: role=server|client wait=poll|spin outstanding=N to=ADDRESS payload=BYTES ms=MILLISECONDS
// (hex=BYTES instead of payload: the request as it is; then the answer's first byte counts for nothing).
#include "echo.h"

static int fd;
static uint8_t request[2048], answer[2048];
static int length;
static int flags;
static bool is_fixed;

static void start(uint8_t slot) {
  if (!is_fixed) request[0] = slot;
  sent_at[slot] = now_ns();
  if (send(fd, request, length, 0) < 0 && errno != ECONNREFUSED) die("send");
}

static bool turn(void) {
  if (recv(fd, answer, sizeof answer, flags) <= 0) return false;
  uint8_t slot = is_fixed ? 0 : answer[0];
  note_round_trip(slot);
  start(slot);
  return true;
}

static int parse_hex(const char *hex) {
  int count = 0;
  for (unsigned byte; sscanf(hex + 2 * count, "%2x", &byte) == 1; count++) request[count] = byte;
  return count;
}

static void serve(void) {
  struct sockaddr_in from;
  say_ready();
  for (;;) {
    socklen_t size = sizeof from;
    ssize_t got = recvfrom(fd, answer, sizeof answer, flags, (struct sockaddr *)&from, &size);
    if (got > 0) sendto(fd, answer, got, 0, (struct sockaddr *)&from, size);
  }
}

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  flags = strcmp(text_argument("wait", "poll"), "spin") == 0 ? MSG_DONTWAIT : 0;
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(number_argument("port", PORT))};
  if (strcmp(text_argument("role", "client"), "server") == 0) {
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    serve();
  }
  struct timeval patience = {.tv_usec = 50000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  inet_pton(AF_INET, text_argument("to", "10.9.0.2"), &address.sin_addr);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
  const char *hex = text_argument("hex", NULL);
  is_fixed = hex != NULL;
  length = is_fixed ? parse_hex(hex) : number_argument("payload", 18);
  return run_client(start, turn);
}

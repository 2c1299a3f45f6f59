// The other side of the DHCP fleet: offers and acknowledges to every relay agent, whatever is asked for.
#include "common.h"

#define OPTIONS 240

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(67)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  uint8_t message[1500];
  say_ready();
  for (;;) {
    ssize_t length = recv(fd, message, sizeof message, 0);
    if (length < OPTIONS + 4 || message[OPTIONS] != 53) continue;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(67)};
    memcpy(&to.sin_addr, message + 24, 4);
    message[0] = 2;
    message[OPTIONS + 2] = message[OPTIONS + 2] == 1 ? 2 : 5;
    message[16] = 10, message[17] = 10;
    memcpy(message + 18, message + 6, 2);
    sendto(fd, message, length, 0, (struct sockaddr *)&to, sizeof to);
  }
}

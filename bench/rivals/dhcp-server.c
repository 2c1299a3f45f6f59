// The other side of every DHCP load: offers and acknowledges whatever is asked for. Relay agents are answered by the
// kernel's UDP; clients of this link, which have no address yet, by a packet socket, as DHCP servers do.
// if=NAME
#include "common.h"

#define OPTIONS 240
#define LENGTH 300
#define UDP_LENGTH (8 + LENGTH)

static const uint8_t server_address[4] = {10, 9, 0, 2};

// A reply to a client of this link as an IP packet, to its new address. Its UDP has no checksum, which is allowed.
static int to_client(uint8_t *packet, const uint8_t *message) {
  static const uint8_t header[28] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17};
  memcpy(packet, header, sizeof header);
  put16(packet + 2, 20 + UDP_LENGTH);
  memcpy(packet + 12, server_address, 4);
  memcpy(packet + 16, message + 16, 4);
  uint16_t sum = (uint16_t)~fold(sum16(packet, 20, 0));
  memcpy(packet + 10, &sum, 2);
  put16(packet + 20, 67);
  put16(packet + 22, 68);
  put16(packet + 24, UDP_LENGTH);
  memcpy(packet + 28, message, LENGTH);
  return 20 + UDP_LENGTH;
}

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(67)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  // It only sends: with protocol 0 nothing is received.
  int link = socket(AF_PACKET, SOCK_DGRAM, 0);
  if (link < 0) die("socket(AF_PACKET)");
  struct sockaddr_ll client = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(ETH_P_IP),
                               .sll_ifindex = if_nametoindex(text_argument("if", "far0")),
                               .sll_halen = 6};
  struct sockaddr_in relay = {.sin_family = AF_INET, .sin_port = htons(67)};
  uint8_t message[1500] = {0}, packet[1500];
  say_ready();
  for (;;) {
    ssize_t length = recv(fd, message, sizeof message, 0);
    if (length < OPTIONS + 4 || message[OPTIONS] != 53) continue;
    uint8_t type = message[OPTIONS + 2] == 1 ? 2 : 5;
    // Server, and a lease of an hour.
    const uint8_t options[] = {53, 1, type, 54, 4, 10, 9, 0, 2, 51, 4, 0, 0, 14, 16, 255};
    message[0] = 2;
    memcpy(message + OPTIONS, options, sizeof options);
    memset(message + OPTIONS + sizeof options, 0, LENGTH - OPTIONS - sizeof options);
    // Every transaction has an address of its own.
    message[16] = 10;
    memcpy(message + 17, message + 5, 3);
    memcpy(&relay.sin_addr, message + 24, 4);
    if (relay.sin_addr.s_addr != 0) {
      sendto(fd, message, LENGTH, 0, (struct sockaddr *)&relay, sizeof relay);
    } else {
      memcpy(client.sll_addr, message + 28, 6);
      sendto(link, packet, to_client(packet, message), 0, (struct sockaddr *)&client, sizeof client);
    }
  }
}

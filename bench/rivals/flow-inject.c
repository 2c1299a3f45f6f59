// Generator of what `etherconn udp send` sends, as fast as frames can be injected: each flow in turn, with its number,
// sequence number and time in the payload (packages/cli/src/udp/payload.ts), and a source port of its own.
// if=NAME flows=N mac=ADDRESS ms=MILLISECONDS
#include "inject.h"

// Offsets in the frame.
enum { SOURCE_PORT = 34, FLOW = HEADERS + 4, SEQUENCE = HEADERS + 8, TIME = HEADERS + 12 };
#define PAYLOAD 18
#define FIRST_PORT 1024
// 2020-01-01T00:00Z, seconds since the Unix epoch; a unit of the payload's time, nanoseconds.
#define EPOCH 1577836800
#define UNIT 100

// What CLOCK_MONOTONIC lacks of the payload's time, in its units.
static uint64_t time_offset(void) {
  struct timespec wall, monotonic;
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  int64_t seconds = wall.tv_sec - EPOCH - monotonic.tv_sec;
  return (seconds * 1000000000 + wall.tv_nsec - monotonic.tv_nsec) / UNIT;
}

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  int index = if_nametoindex(text_argument("if", "near0"));
  int flows = number_argument("flows", 1);
  union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
  int counter = bpf(BPF_MAP_CREATE, &map);
  if (counter < 0) die("BPF_MAP_CREATE");
  uint64_t offset = time_offset();
  struct bpf_insn program[] = {
      INSN(BPF_LDX | BPF_W | BPF_MEM, 8, 1, offsetof(struct xdp_md, data), 0),
      INSN(BPF_LDX | BPF_W | BPF_MEM, 3, 1, offsetof(struct xdp_md, data_end), 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 8, 0, 0),
      INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, HEADERS + PAYLOAD),
      INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 27, 0),
      // r0 = counter++; r7 = r0 / flows, the sequence number; r0 = r0 % flows, the flow
      INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_VALUE, 0, counter),
      INSN(0, 0, 0, 0, 0),
      INSN(BPF_LDX | BPF_DW | BPF_MEM, 0, 1, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0),
      INSN(BPF_ALU64 | BPF_ADD | BPF_K, 7, 0, 0, 1),
      INSN(BPF_STX | BPF_DW | BPF_MEM, 1, 7, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0),
      INSN(BPF_ALU64 | BPF_DIV | BPF_K, 7, 0, 0, flows),
      INSN(BPF_ALU64 | BPF_MOD | BPF_K, 0, 0, 0, flows),
      INSN(BPF_ALU | BPF_END | BPF_TO_BE, 7, 0, 0, 32),
      INSN(BPF_STX | BPF_W | BPF_MEM, 8, 7, SEQUENCE, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0),
      INSN(BPF_ALU | BPF_END | BPF_TO_BE, 7, 0, 0, 32),
      INSN(BPF_STX | BPF_W | BPF_MEM, 8, 7, FLOW, 0),
      INSN(BPF_ALU64 | BPF_ADD | BPF_K, 0, 0, 0, FIRST_PORT),
      INSN(BPF_ALU | BPF_END | BPF_TO_BE, 0, 0, 0, 16),
      INSN(BPF_STX | BPF_H | BPF_MEM, 8, 0, SOURCE_PORT, 0),
      // The 48 bits of the time: first four bytes, then two.
      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns),
      INSN(BPF_ALU64 | BPF_DIV | BPF_K, 0, 0, 0, UNIT),
      INSN(BPF_LD | BPF_DW | BPF_IMM, 1, 0, 0, (int)offset),
      INSN(0, 0, 0, 0, (int)(offset >> 32)),
      INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 1, 0, 0),
      INSN(BPF_ALU64 | BPF_LSH | BPF_K, 0, 0, 0, 16),
      INSN(BPF_ALU | BPF_END | BPF_TO_BE, 0, 0, 0, 64),
      INSN(BPF_STX | BPF_W | BPF_MEM, 8, 0, TIME, 0),
      INSN(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 32),
      INSN(BPF_STX | BPF_H | BPF_MEM, 8, 0, TIME + 4, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, index),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  int fd = load_xdp(program, sizeof program / sizeof *program);
  // The checksum is left out, for the program changes what it covers.
  uint8_t header[HEADERS], frame[HEADERS + PAYLOAD], payload[PAYLOAD] = {0};
  put16(payload, 0xec01);
  put16(payload + 2, getpid() & 0xffff);
  header_template(header);
  return inject(fd, frame, build_frame(frame, header, payload, PAYLOAD, 0, 0, false));
}

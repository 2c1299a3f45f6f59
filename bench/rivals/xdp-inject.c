// Generator of xdp_frames: every frame goes to a station at random; with endpoints=0 all go to one MAC address.
// if=NAME payload=BYTES endpoints=N mac=ADDRESS ms=MILLISECONDS
#include "inject.h"

int main(int argc, char **argv) {
  arg_count = argc, arg_values = argv;
  int index = if_nametoindex(text_argument("if", "near0"));
  int length = number_argument("payload", 18);
  int endpoints = number_argument("endpoints", 1);
  struct bpf_insn program[] = {
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_prandom_u32),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 7, 0, 0, endpoints),
      INSN(BPF_ALU | BPF_MOD | BPF_X, 0, 7, 0, 0),
      INSN(BPF_LDX | BPF_W | BPF_MEM, 2, 6, offsetof(struct xdp_md, data), 0),
      INSN(BPF_LDX | BPF_W | BPF_MEM, 3, 6, offsetof(struct xdp_md, data_end), 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
      INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 14),
      INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 6, 0),
      // Bytes 3 to 5 of the destination address, the last one first.
      INSN(BPF_STX | BPF_B | BPF_MEM, 2, 0, 5, 0),
      INSN(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 8),
      INSN(BPF_STX | BPF_B | BPF_MEM, 2, 0, 4, 0),
      INSN(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 8),
      INSN(BPF_STX | BPF_B | BPF_MEM, 2, 0, 3, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, index),
      INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  int count = sizeof program / sizeof *program;
  // What comes before the last five sets the station.
  int first = endpoints == 0 ? count - 5 : 0;
  int fd = load_xdp(program + first, count - first);
  uint8_t header[HEADERS], payload[2048], frame[2048];
  header_template(header);
  memset(payload, 0x5a, sizeof payload);
  int bytes = build_frame(frame, header, payload, length, 0, 0, number_argument("checksum", 1));
  return inject(fd, frame, bytes);
}

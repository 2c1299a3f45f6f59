/* AF_PACKET: what it needs beyond the calls of every socket, sending many frames with one call. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "socket.h"
#include "value.h"

/* Frames per sendmmsg: the headers lie on the stack. */
#define SEND_BATCH 64

/*
 * packetSend(socket, memory, descriptors, head, count): sends `count` frames named by pairs (offset, length) in
 * `descriptors`, a ring of a power of two of pairs whose first to send is number `head`. Returns how many the
 * kernel took, or the negative errno with which it refused the first one.
 */
static napi_value packet_send(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  uint8_t *memory;
  uint32_t *descriptors;
  size_t memory_length, words;
  int head, count;
  if (!get_arguments(env, info, 5, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_bytes(env, arguments[1], &memory, &memory_length) ||
      !get_words(env, arguments[2], &descriptors, &words) || !get_int(env, arguments[3], &head) ||
      !get_int(env, arguments[4], &count)) {
    return NULL;
  }
  size_t pairs = words / 2;
  if (count < 0 || (size_t)count > pairs) return make_int(env, -EFAULT);
  size_t mask = pairs - 1;
  struct mmsghdr messages[SEND_BATCH];
  struct iovec vectors[SEND_BATCH];
  int sent = 0;
  memset(messages, 0, sizeof messages);
  while (sent < count) {
    int batch = count - sent < SEND_BATCH ? count - sent : SEND_BATCH;
    for (int i = 0; i < batch; i++) {
      size_t pair = (((size_t)head + (size_t)sent + (size_t)i) & mask) * 2;
      size_t offset = descriptors[pair], length = descriptors[pair + 1];
      /* Also refuses everything when the user has detached the memory: it has length 0 then. */
      if (offset > memory_length || length > memory_length - offset) return make_int(env, -EFAULT);
      vectors[i].iov_base = memory + offset;
      vectors[i].iov_len = length;
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    /* Not by the C library: musl's sendmmsg makes a system call for each message. */
    int taken = (int)syscall(SYS_sendmmsg, socket_handle->fd, messages, batch, MSG_DONTWAIT);
    if (taken < 0) {
      if (errno == EINTR) continue;
      return make_int(env, sent > 0 ? sent : -errno);
    }
    sent += taken;
    if (taken < batch) break;
  }
  return make_int(env, sent);
}

void export_packet_socket(napi_env env, napi_value exports) {
  export_function(env, exports, "packetSend", packet_send);
}

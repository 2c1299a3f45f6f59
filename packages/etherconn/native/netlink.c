/* Netlink requests that are answered with one message: asking rtnetlink about one interface or neighbor. */
#include <errno.h>
#include <sys/socket.h>

#include "bpf.h"
#include "error.h"
#include "socket.h"
#include "value.h"

/*
 * netlinkRequest(socket, request, answer): sends the messages of `request` and receives one datagram into `answer`;
 * returns its length. The kernel answers before send() returns, so nothing is waited for.
 */
static napi_value netlink_request(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint8_t *request, *answer;
  size_t request_length, answer_length;
  ssize_t length;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_bytes(env, arguments[1], &request, &request_length) ||
      !get_bytes(env, arguments[2], &answer, &answer_length)) {
    return NULL;
  }
  if (send(socket_handle->fd, request, request_length, MSG_DONTWAIT) < 0) {
    throw_system_error(env, "send", errno);
    return NULL;
  }
  do {
    length = recv(socket_handle->fd, answer, answer_length, MSG_DONTWAIT | MSG_TRUNC);
  } while (length < 0 && errno == EINTR);
  if (length < 0 || (size_t)length > answer_length) {
    throw_system_error(env, "recv", length < 0 ? errno : EMSGSIZE);
    return NULL;
  }
  return make_int(env, (int)length);
}

void export_netlink(napi_env env, napi_value exports) {
  export_function(env, exports, "netlinkRequest", netlink_request);
}

/* timerfd: a timer of microseconds, which Node's own are not, for the event loop to wait on. */
#include <errno.h>
#include <sys/timerfd.h>

#include "error.h"
#include "socket.h"
#include "value.h"

/* timerOpen(): a timer that is not set, as a socket: socketFd and socketClose are for it, too. */
static napi_value timer_open(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) {
    throw_system_error(env, "timerfd_create", errno);
    return NULL;
  }
  return wrap_socket(env, fd);
}

/* timerSet(timer, microseconds): once, that long from now; 0 for not at all. In both cases it is not readable now. */
static napi_value timer_set(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int microseconds;
  if (!get_arguments(env, info, 2, arguments) || !get_int(env, arguments[1], &microseconds)) return NULL;
  struct socket_handle *timer = get_socket(env, arguments[0]);
  if (timer == NULL) return NULL;
  struct itimerspec time = {
      .it_value = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000L}};
  if (timerfd_settime(timer->fd, 0, &time, NULL) != 0) {
    throw_system_error(env, "timerfd_settime", errno);
    return NULL;
  }
  return undefined_value(env);
}

void export_timer(napi_env env, napi_value exports) {
  export_function(env, exports, "timerOpen", timer_open);
  export_function(env, exports, "timerSet", timer_set);
}

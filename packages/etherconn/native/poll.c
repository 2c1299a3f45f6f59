/* Readiness of a file descriptor in Node's event loop: one call into JavaScript per wake-up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "libuv.h"
#include "socket.h"
#include "value.h"

static const napi_type_tag POLL_TAG = {0x1f0d5a6f3c9e4d21, 0xb0e7c4a8925d613f};

struct poll_handle {
  napi_env env;
  struct uv_handle_s *uv;
  /* What is polled, and knows of it; NULL once closed. */
  struct socket_handle *socket;
  napi_ref callback;
  /* Strong until closed, so that the finalizer cannot come first. */
  napi_ref self;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  bool closing;
  bool in_callback;
  /* The memory is freed when libuv has let go of it and JavaScript too, in whichever order. */
  bool uv_done;
  bool object_done;
};

static struct poll_handle *get_poll(napi_env env, napi_value value) {
  bool matches = false;
  struct poll_handle *poll;
  if (napi_check_object_type_tag(env, value, &POLL_TAG, &matches) != napi_ok || !matches ||
      napi_unwrap(env, value, (void **)&poll) != napi_ok) {
    throw_argument_error(env, "expected a poll handle of this addon");
    return NULL;
  }
  return poll;
}

static void free_when_done(struct poll_handle *poll) {
  if (poll->uv_done && poll->object_done) free(poll);
}

static void free_object(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct poll_handle *poll = data;
  poll->object_done = true;
  free_when_done(poll);
}

static void on_uv_closed(struct uv_handle_s *uv) {
  struct poll_handle *poll = uv_handle_get_data(uv);
  free(uv);
  /* Until here an ending environment had to wait for us. */
  napi_remove_async_cleanup_hook(poll->hook);
  poll->uv_done = true;
  free_when_done(poll);
}

static void begin_close(struct poll_handle *poll) {
  if (poll->closing) return;
  poll->closing = true;
  poll->socket->poll = NULL;
  poll->socket = NULL;
  /* Takes the fd out of epoll at once, so the caller may close it. */
  uv_poll_stop(poll->uv);
  uv_close(poll->uv, on_uv_closed);
}

/* The context is not destroyed under the callback that runs in it, which may be the one that closes us. */
static void drop_context(struct poll_handle *poll) {
  if (!poll->closing || poll->in_callback || poll->context == NULL) return;
  napi_async_destroy(poll->env, poll->context);
  poll->context = NULL;
}

static void close_at_exit(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  begin_close(data);
}

void close_poll(struct poll_handle *poll) {
  if (poll->closing) return;
  begin_close(poll);
  drop_context(poll);
  napi_delete_reference(poll->env, poll->callback);
  napi_delete_reference(poll->env, poll->self);
}

void close_poll_at_exit(struct poll_handle *poll) { begin_close(poll); }

static void on_ready(struct uv_handle_s *uv, int status, int events) {
  struct poll_handle *poll = uv_handle_get_data(uv);
  napi_env env = poll->env;
  napi_handle_scope scope;
  napi_value self, callback, argument, error;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, poll->self, &self) == napi_ok &&
      napi_get_reference_value(env, poll->callback, &callback) == napi_ok) {
    argument = make_int(env, status < 0 ? status : events);
    poll->in_callback = true;
    napi_status result = napi_make_callback(env, poll->context, self, callback, 1, &argument, NULL);
    poll->in_callback = false;
    drop_context(poll);
    if (result == napi_pending_exception && napi_get_and_clear_last_exception(env, &error) == napi_ok) {
      napi_fatal_exception(env, error); /* 'uncaughtException', as for any callback */
    }
  }
  napi_close_handle_scope(env, scope);
}

/*
 * pollOpen(socket, callback): a handle that is not started yet, one for a socket; it is closed with the socket, since
 * libuv aborts the process when it finds a watched descriptor closed. `callback(events)` gets libuv's bits, or a
 * negative number when the socket reports an error (then polling has stopped).
 */
static napi_value poll_open(napi_env env, napi_callback_info info) {
  napi_value arguments[2], object, name;
  struct uv_loop_s *loop;
  napi_valuetype callback_type;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL) return NULL;
  if (napi_typeof(env, arguments[1], &callback_type) != napi_ok || callback_type != napi_function) {
    throw_argument_error(env, "pollOpen: expected a function");
    return NULL;
  }
  if (socket_handle->poll != NULL) {
    throw_argument_error(env, "pollOpen: the socket is being polled already");
    return NULL;
  }
  const char *type_name = uv_handle_type_name(ETHERCONN_UV_POLL);
  if (type_name == NULL || strcmp(type_name, "poll") != 0 || napi_get_uv_event_loop(env, &loop) != napi_ok) {
    throw_system_error(env, "uv_poll_init", ENOTSUP);
    return NULL;
  }
  struct poll_handle *poll = calloc(1, sizeof *poll);
  struct uv_handle_s *uv = calloc(1, uv_handle_size(ETHERCONN_UV_POLL));
  int error_number = poll == NULL || uv == NULL ? -ENOMEM : uv_poll_init(loop, uv, socket_handle->fd);
  if (error_number != 0) {
    free(poll);
    free(uv);
    throw_system_error(env, "uv_poll_init", -error_number);
    return NULL;
  }
  poll->env = env;
  poll->uv = uv;
  poll->socket = socket_handle;
  socket_handle->poll = poll;
  uv_handle_set_data(uv, poll);
  if (napi_add_async_cleanup_hook(env, close_at_exit, poll, &poll->hook) != napi_ok ||
      napi_create_object(env, &object) != napi_ok ||
      napi_wrap(env, object, poll, free_object, NULL, NULL) != napi_ok ||
      napi_type_tag_object(env, object, &POLL_TAG) != napi_ok ||
      napi_create_string_utf8(env, "ETHERCONN_POLL", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, object, name, &poll->context) != napi_ok ||
      napi_create_reference(env, arguments[1], 1, &poll->callback) != napi_ok ||
      napi_create_reference(env, object, 1, &poll->self) != napi_ok) {
    /* Only an environment that is going down refuses these; its clean-up hook closes what was made. */
    return NULL;
  }
  return object;
}

/* pollStart(poll): begins, or begins again after an error. */
static napi_value poll_start(napi_env env, napi_callback_info info) {
  napi_value argument;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct poll_handle *poll = get_poll(env, argument);
  if (poll == NULL) return NULL;
  int error_number = poll->closing ? -EBADF : uv_poll_start(poll->uv, ETHERCONN_UV_READABLE, on_ready);
  if (error_number != 0) {
    throw_system_error(env, "uv_poll_start", -error_number);
    return NULL;
  }
  return undefined_value(env);
}

/* pollStop(poll): takes the fd out of the event loop until the next pollStart. */
static napi_value poll_stop(napi_env env, napi_callback_info info) {
  napi_value argument;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct poll_handle *poll = get_poll(env, argument);
  if (poll == NULL) return NULL;
  if (!poll->closing) uv_poll_stop(poll->uv);
  return undefined_value(env);
}

/* pollRef(poll, keep): whether a started poll keeps the event loop alive. */
static napi_value poll_ref(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  bool keep;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct poll_handle *poll = get_poll(env, arguments[0]);
  if (poll == NULL || !get_bool(env, arguments[1], &keep)) return NULL;
  if (!poll->closing) {
    if (keep) uv_ref(poll->uv);
    else uv_unref(poll->uv);
  }
  return undefined_value(env);
}

/* pollClose(poll): no callback comes after it, and the fd may be closed. Harmless when repeated. */
static napi_value poll_close(napi_env env, napi_callback_info info) {
  napi_value argument;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct poll_handle *poll = get_poll(env, argument);
  if (poll == NULL) return NULL;
  close_poll(poll);
  return undefined_value(env);
}

void export_poll(napi_env env, napi_value exports) {
  export_function(env, exports, "pollOpen", poll_open);
  export_function(env, exports, "pollStart", poll_start);
  export_function(env, exports, "pollStop", poll_stop);
  export_function(env, exports, "pollRef", poll_ref);
  export_function(env, exports, "pollClose", poll_close);
}

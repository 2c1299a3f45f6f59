/*
 * The part of libuv's ABI that is used here, declared here so that a machine without Node's own headers can
 * build the addon. libuv keeps this ABI for all of its 1.x releases: handles are opaque to us and allocated
 * with the size that the running libuv tells.
 */
#ifndef ETHERCONN_LIBUV_H
#define ETHERCONN_LIBUV_H

#include <stddef.h>

struct uv_loop_s;
struct uv_handle_s;

/* Value of UV_POLL in uv_handle_type; uv_handle_type_name() confirms it before it is relied on. */
#define ETHERCONN_UV_POLL 8
#define ETHERCONN_UV_READABLE 1

size_t uv_handle_size(int type);
const char *uv_handle_type_name(int type);
void uv_handle_set_data(struct uv_handle_s *handle, void *data);
void *uv_handle_get_data(const struct uv_handle_s *handle);
void uv_close(struct uv_handle_s *handle, void (*callback)(struct uv_handle_s *handle));
void uv_ref(struct uv_handle_s *handle);
void uv_unref(struct uv_handle_s *handle);

/* libuv types these three with uv_poll_t, whose first part is a uv_handle_t. */
int uv_poll_init(struct uv_loop_s *loop, struct uv_handle_s *handle, int fd);
int uv_poll_start(struct uv_handle_s *handle, int events,
                  void (*callback)(struct uv_handle_s *handle, int status, int events));
int uv_poll_stop(struct uv_handle_s *handle);

/* The name of a negative errno, like "EAGAIN". */
char *uv_err_name_r(int error_number, char *buffer, size_t size);

#endif

/* A socket of any family, with the rings mapped from it. */
#ifndef ETHERCONN_SOCKET_H
#define ETHERCONN_SOCKET_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

/* More than any family maps: AF_XDP's four rings. */
#define MAX_MAPPINGS 4

struct mapping {
  void *address;
  size_t length;
  /* Strong: the ArrayBuffer must not be collected while it names mapped memory. */
  napi_ref buffer;
  /* Whether the ArrayBuffer is external, or an ordinary one with the ring mapped over its inside. */
  bool external;
};

struct poll_handle;

struct socket_handle {
  /* -1 once closed. */
  int fd;
  /* Who watches it in the event loop (poll.c), or NULL. */
  struct poll_handle *poll;
  struct mapping mappings[MAX_MAPPINGS];
  size_t mapping_count;
  /* Strong until closed: a forgotten socket leaks like a forgotten fd, but never unmaps what a view still names. */
  napi_ref self;
};

/* The open socket behind a JavaScript handle; throws and returns NULL when it is none, or closed. */
struct socket_handle *get_socket(napi_env env, napi_value value);

/* The JavaScript handle of an fd, which is closed with it, with the environment, or at once when this fails. */
napi_value wrap_socket(napi_env env, int fd);

/* Ends the polling of a socket that is to be closed. Harmless when repeated. */
void close_poll(struct poll_handle *poll);

/* The same while the environment is being torn down, when there is no JavaScript to be told. */
void close_poll_at_exit(struct poll_handle *poll);

void export_socket(napi_env env, napi_value exports);
void export_packet_socket(napi_env env, napi_value exports);
void export_xdp_socket(napi_env env, napi_value exports);
void export_netdev(napi_env env, napi_value exports);
void export_poll(napi_env env, napi_value exports);
void export_timer(napi_env env, napi_value exports);

#endif

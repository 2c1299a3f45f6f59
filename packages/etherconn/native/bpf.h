/* Objects of bpf(2): maps, programs, and links that attach a program to an interface. */
#ifndef ETHERCONN_BPF_H
#define ETHERCONN_BPF_H

#include <linux/bpf.h>
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_handle {
  napi_env env;
  /* -1 once closed. */
  int fd;
  /* BPF_MAP_TYPE_* of a map, and the sizes in bytes of its keys and values; 0 for what is no map. */
  uint32_t map_type;
  uint32_t key_size;
  uint32_t value_size;
  /* Strong until closed: what is attached stays so although nobody holds the JavaScript object. */
  napi_ref self;
};

/* The open object behind a JavaScript handle; throws and returns NULL when it is none, or closed. */
struct bpf_handle *get_bpf(napi_env env, napi_value value);

/*
 * bpf(2), with errno. The kernel looks at `size` bytes of `attributes`, which is a whole union all the same.
 *
 * EAGAIN and EINTR say that the kernel gave up because something waits for the thread: a signal, or work that an
 * io_uring of libuv has left for it (closing the event loop of a spawnSync does), which no mask holds back. It is done
 * on the way out of the call, so the call is made again.
 */
int call_bpf(int command, union bpf_attr *attributes, size_t size);

/* Looks up one element; false with errno ENOENT when there is none. */
bool map_lookup(int map_fd, const void *key, void *value);
bool map_update(int map_fd, const void *key, const void *value);
bool map_delete(int map_fd, const void *key);

void export_bpf(napi_env env, napi_value exports);
void export_steering(napi_env env, napi_value exports);
void export_ethtool(napi_env env, napi_value exports);
void export_netlink(napi_env env, napi_value exports);

#endif

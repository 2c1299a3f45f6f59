/* AF_XDP: what it needs beyond the calls of every socket, its packet memory (UMEM) and waking the kernel up. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "socket.h"
#include "value.h"

#define SOL_XDP_LEVEL 283
#define XDP_UMEM_REG_OPTION 4

/* struct xdp_umem_reg of linux/if_xdp.h as of 5.4: later fields are optional, so that old headers will do. */
struct umem_registration {
  uint64_t address;
  uint64_t length;
  uint32_t chunk_size;
  uint32_t headroom;
  uint32_t flags;
  uint32_t reserved;
};

/* The whole pages within some memory: what is beside them on their first and last page belongs to others. */
static size_t whole_pages(uint8_t *memory, size_t length, void **first) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t skipped = (page - (uintptr_t)memory % page) % page;
  *first = memory + skipped;
  return length < skipped ? 0 : (length - skipped) / page * page;
}

/*
 * xdpRegisterUmem(socket, memory, chunkSize, headroom): makes `memory`, which starts on a page, the socket's packet
 * memory. The kernel pins its pages, so they outlive even the memory's owner; the address must not change, though.
 */
static napi_value xdp_register_umem(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  uint8_t *memory;
  size_t length;
  int chunk_size, headroom;
  if (!get_arguments(env, info, 4, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_bytes(env, arguments[1], &memory, &length) ||
      !get_int(env, arguments[2], &chunk_size) || !get_int(env, arguments[3], &headroom)) {
    return NULL;
  }
  void *pages;
  size_t pages_length = whole_pages(memory, length, &pages);
  if (length == 0 || pages != memory) {
    throw_argument_error(env, "xdpRegisterUmem: the memory must start on a page");
    return NULL;
  }
  /* A child process has no use for the pages, and fork would copy all of them because they are pinned. */
  if (madvise(pages, pages_length, MADV_DONTFORK) != 0) {
    throw_system_error(env, "madvise", errno);
    return NULL;
  }
  struct umem_registration registration = {.address = (uint64_t)(uintptr_t)memory,
                                           .length = length,
                                           .chunk_size = (uint32_t)chunk_size,
                                           .headroom = (uint32_t)headroom};
  if (setsockopt(socket_handle->fd, SOL_XDP_LEVEL, XDP_UMEM_REG_OPTION, &registration, sizeof registration) != 0) {
    int error_number = errno;
    madvise(pages, pages_length, MADV_DOFORK);
    throw_system_error(env, "setsockopt(XDP_UMEM_REG)", error_number);
    return NULL;
  }
  return undefined_value(env);
}

/* xdpDiscard(memory): gives the whole pages of packet memory that is not used any more back to the system. */
static napi_value xdp_discard(napi_env env, napi_callback_info info) {
  napi_value argument;
  uint8_t *memory;
  size_t length;
  if (!get_arguments(env, info, 1, &argument) || !get_bytes(env, argument, &memory, &length)) return NULL;
  void *pages;
  size_t pages_length = whole_pages(memory, length, &pages);
  /*
   * Only saves memory early, so it may fail. MADV_FREE, which is for ordinary memory only, goes first: pages of a
   * mapped ring would not come again.
   */
  if (pages_length > 0 && madvise(pages, pages_length, MADV_FREE) == 0) madvise(pages, pages_length, MADV_DONTNEED);
  return undefined_value(env);
}

/* xdpKick(socket): has the kernel look at the TX ring. Returns 0 or a negative errno. */
static napi_value xdp_kick(napi_env env, napi_callback_info info) {
  napi_value argument;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, argument);
  if (socket_handle == NULL) return NULL;
  return make_int(env, sendto(socket_handle->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 ? -errno : 0);
}

/* xdpWake(socket): has the driver look at the fill ring. Returns 0 or a negative errno. */
static napi_value xdp_wake(napi_env env, napi_callback_info info) {
  napi_value argument;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, argument);
  if (socket_handle == NULL) return NULL;
  return make_int(env, recvfrom(socket_handle->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL) < 0 ? -errno : 0);
}

void export_xdp_socket(napi_env env, napi_value exports) {
  export_function(env, exports, "xdpRegisterUmem", xdp_register_umem);
  export_function(env, exports, "xdpDiscard", xdp_discard);
  export_function(env, exports, "xdpKick", xdp_kick);
  export_function(env, exports, "xdpWake", xdp_wake);
}

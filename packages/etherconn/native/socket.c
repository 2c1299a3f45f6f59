#include "socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "netns.h"
#include "value.h"

static const napi_type_tag SOCKET_TAG = {0x5c1d4c0e6f0a4b7e, 0x9a61d27b83f5e014};

/* The socket behind a JavaScript handle, closed or not; throws and returns NULL when it is none. */
static struct socket_handle *unwrap_socket(napi_env env, napi_value value) {
  bool matches = false;
  struct socket_handle *socket_handle;
  if (napi_check_object_type_tag(env, value, &SOCKET_TAG, &matches) != napi_ok || !matches ||
      napi_unwrap(env, value, (void **)&socket_handle) != napi_ok) {
    throw_argument_error(env, "expected a socket of this addon");
    return NULL;
  }
  return socket_handle;
}

struct socket_handle *get_socket(napi_env env, napi_value value) {
  struct socket_handle *socket_handle = unwrap_socket(env, value);
  if (socket_handle != NULL && socket_handle->fd < 0) {
    throw_system_error(env, "socket", EBADF);
    return NULL;
  }
  return socket_handle;
}

/* Puts plain memory where a ring was, for who goes on owning the address, or reading there. */
static void make_plain(void *address, size_t length) {
  void *again = mmap(address, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (again == MAP_FAILED) abort();
}

/*
 * Gives the kernel everything back. `detach` is false while the environment is being torn down: no JavaScript
 * runs any more, so no view can be read.
 */
static void release(napi_env env, struct socket_handle *socket_handle, bool detach) {
  if (socket_handle->fd < 0) return;
  if (socket_handle->poll != NULL) (detach ? close_poll : close_poll_at_exit)(socket_handle->poll);
  for (size_t i = 0; i < socket_handle->mapping_count; i++) {
    struct mapping *mapping = &socket_handle->mappings[i];
    napi_value buffer;
    bool reachable = detach && napi_get_reference_value(env, mapping->buffer, &buffer) == napi_ok && buffer != NULL;
    /* Whose memory has been transferred to another ArrayBuffer, which nobody can detach any more. */
    bool transferred = false;
    if (reachable) napi_is_detached_arraybuffer(env, buffer, &transferred);
    /*
     * A view that the user kept must read as detached, not fault: external memory is detached before it is
     * unmapped. Memory of an ordinary ArrayBuffer must be plain again before detaching frees it.
     */
    if (!mapping->external || transferred) make_plain(mapping->address, mapping->length);
    if (reachable && !transferred) napi_detach_arraybuffer(env, buffer);
    if (mapping->external && !transferred) munmap(mapping->address, mapping->length);
    napi_delete_reference(env, mapping->buffer);
  }
  socket_handle->mapping_count = 0;
  close(socket_handle->fd);
  socket_handle->fd = -1;
}

/* The environment that a hook needs to delete its references. */
struct owner {
  napi_env env;
  struct socket_handle socket_handle;
};

static struct owner *owner_of(struct socket_handle *socket_handle) {
  return (struct owner *)((char *)socket_handle - offsetof(struct owner, socket_handle));
}

static void release_at_exit(void *data) {
  struct owner *owner = data;
  release(owner->env, &owner->socket_handle, false);
}

static void free_handle(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct owner *owner = owner_of(data);
  if (owner->socket_handle.fd >= 0) close(owner->socket_handle.fd);
  free(owner);
}

napi_value wrap_socket(napi_env env, int fd) {
  napi_value object;
  struct owner *owner = calloc(1, sizeof *owner);
  if (owner == NULL) {
    close(fd);
    throw_system_error(env, "malloc", ENOMEM);
    return NULL;
  }
  owner->env = env;
  owner->socket_handle.fd = fd;
  if (napi_create_object(env, &object) != napi_ok ||
      napi_wrap(env, object, &owner->socket_handle, free_handle, NULL, NULL) != napi_ok) {
    close(fd);
    free(owner);
    return NULL;
  }
  if (napi_type_tag_object(env, object, &SOCKET_TAG) != napi_ok ||
      napi_create_reference(env, object, 1, &owner->socket_handle.self) != napi_ok ||
      napi_add_env_cleanup_hook(env, release_at_exit, owner) != napi_ok) {
    return NULL;
  }
  return object;
}

/* socketOpen(domain, type, protocol, namespaceFd): a negative namespaceFd means the thread's own namespace. */
static napi_value socket_open(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int domain, type, protocol, namespace_fd, previous = -1;
  const char *syscall_name;
  if (!get_arguments(env, info, 4, arguments) || !get_int(env, arguments[0], &domain) ||
      !get_int(env, arguments[1], &type) || !get_int(env, arguments[2], &protocol) ||
      !get_int(env, arguments[3], &namespace_fd)) {
    return NULL;
  }
  if (namespace_fd >= 0 && (previous = enter_namespace(namespace_fd, &syscall_name)) < 0) {
    throw_system_error(env, syscall_name, errno);
    return NULL;
  }
  /* A socket stays in the namespace it was made in, and so do all its later ioctl, bind and setsockopt. */
  int fd = socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  int error_number = errno;
  if (previous >= 0) leave_namespace(previous);
  if (fd < 0) {
    throw_system_error(env, "socket", error_number);
    return NULL;
  }
  return wrap_socket(env, fd);
}

/* socketFd(socket): for polling, and for people. */
static napi_value socket_fd(napi_env env, napi_callback_info info) {
  napi_value argument;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, argument);
  return socket_handle == NULL ? NULL : make_int(env, socket_handle->fd);
}

/*
 * Whether an option's value is what it says and no more. The values of others name memory by address, or are longer
 * than said (SO_GET_FILTER, which has the number of SO_ATTACH_FILTER, counts instructions in place of bytes).
 */
static bool is_plain_option(napi_env env, int level, int name) {
  bool plain = (level == SOL_SOCKET && name != SO_ATTACH_FILTER && name != SO_ATTACH_REUSEPORT_CBPF) ||
               (level == SOL_PACKET && name != PACKET_FANOUT_DATA) || (level == SOL_XDP && name != XDP_UMEM_REG) ||
               (level == IPPROTO_IPV6 && name == IPV6_V6ONLY);
  if (!plain) throw_argument_error(env, "no option that is set or asked for here");
  return plain;
}

/* socketSetOption(socket, level, name, value): the value is the option's bytes. */
static napi_value socket_set_option(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int level, name;
  uint8_t *bytes;
  size_t length;
  if (!get_arguments(env, info, 4, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_int(env, arguments[1], &level) || !get_int(env, arguments[2], &name) ||
      !get_bytes(env, arguments[3], &bytes, &length) || !is_plain_option(env, level, name)) {
    return NULL;
  }
  if (setsockopt(socket_handle->fd, level, name, bytes, (socklen_t)length) != 0) {
    throw_system_error(env, "setsockopt", errno);
    return NULL;
  }
  return undefined_value(env);
}

/* socketGetOption(socket, level, name, value): fills the bytes of `value`, returns how many. */
static napi_value socket_get_option(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int level, name;
  uint8_t *bytes;
  size_t length;
  if (!get_arguments(env, info, 4, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_int(env, arguments[1], &level) || !get_int(env, arguments[2], &name) ||
      !get_bytes(env, arguments[3], &bytes, &length) || !is_plain_option(env, level, name)) {
    return NULL;
  }
  socklen_t got = (socklen_t)length;
  if (getsockopt(socket_handle->fd, level, name, bytes, &got) != 0) {
    throw_system_error(env, "getsockopt", errno);
    return NULL;
  }
  return make_int(env, (int)got);
}

/* socketAttachFilter(socket, program): `program` holds struct sock_filter after struct sock_filter. */
static napi_value socket_attach_filter(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint8_t *bytes;
  size_t length;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_bytes(env, arguments[1], &bytes, &length)) return NULL;
  if (length > BPF_MAXINSNS * sizeof(struct sock_filter)) {
    throw_argument_error(env, "socketAttachFilter: the program is too long");
    return NULL;
  }
  struct sock_fprog program = {.len = (unsigned short)(length / sizeof(struct sock_filter)),
                               .filter = (struct sock_filter *)bytes};
  if (setsockopt(socket_handle->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    throw_system_error(env, "setsockopt(SO_ATTACH_FILTER)", errno);
    return NULL;
  }
  return undefined_value(env);
}

/* socketBind(socket, address): `address` holds the family's own struct sockaddr. */
static napi_value socket_bind(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint8_t *bytes;
  size_t length;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_bytes(env, arguments[1], &bytes, &length)) return NULL;
  if (bind(socket_handle->fd, (const struct sockaddr *)bytes, (socklen_t)length) != 0) {
    throw_system_error(env, "bind", errno);
    return NULL;
  }
  return undefined_value(env);
}

/*
 * socketReceive(socket, bytes, offset): receives one datagram into `bytes` from `offset` on, without waiting. Returns its
 * length, which is more than there was room for when its end is lost; or a negative errno.
 */
static napi_value socket_receive(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint8_t *bytes;
  size_t length;
  int offset;
  ssize_t received;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_bytes(env, arguments[1], &bytes, &length) || !get_int(env, arguments[2], &offset)) {
    return NULL;
  }
  /* Also when the user has detached the memory: it has length 0 then. */
  if (offset < 0 || (size_t)offset >= length) return make_int(env, -EFAULT);
  do {
    received = recv(socket_handle->fd, bytes + offset, length - (size_t)offset, MSG_DONTWAIT | MSG_TRUNC);
  } while (received < 0 && errno == EINTR);
  return make_int(env, received < 0 ? -errno : (int)received);
}

/* Reads of one drain: some sockets (AF_XDP, streams at their end) always have nothing to read. */
#define DRAIN_READS 4096

/*
 * socketDrain(socket): throws away what is queued, for sockets that serve as an alarm only. What is left of very much
 * keeps it readable.
 */
static napi_value socket_drain(napi_env env, napi_callback_info info) {
  napi_value argument;
  char byte;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, argument);
  if (socket_handle == NULL) return NULL;
  /* ENOBUFS says that messages were lost, which an alarm does not mind. */
  for (int reads = 0; reads < DRAIN_READS; reads++) {
    ssize_t length = recv(socket_handle->fd, &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC);
    if (length < 0 && errno != EINTR && errno != ENOBUFS) break;
  }
  return undefined_value(env);
}

/* More than any ring: ArrayBuffers of any length asked for would end the process. */
#define MAX_RING ((int64_t)1 << 31)

/*
 * Moves the mapped ring over the inside of an ordinary ArrayBuffer, for runtimes that refuse external ones (those
 * that keep all JavaScript memory in a V8 sandbox).
 */
static napi_status move_inside(napi_env env, struct mapping *mapping, napi_value *buffer, size_t *byte_offset) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  /* Whole pages, or the ring's last one would come to lie over what is behind the ArrayBuffer. */
  size_t length = (mapping->length + page - 1) / page * page;
  void *data;
  napi_status status = napi_create_arraybuffer(env, length + page, &data, buffer);
  if (status != napi_ok) return status;
  uintptr_t inside = ((uintptr_t)data + page - 1) / page * page;
  void *moved = mremap(mapping->address, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)inside);
  if (moved == MAP_FAILED) {
    int error_number = errno;
    make_plain((void *)inside, length);
    errno = error_number;
    return napi_generic_failure;
  }
  mapping->address = moved;
  mapping->length = length;
  mapping->external = false;
  *byte_offset = inside - (uintptr_t)data;
  return napi_ok;
}

/*
 * socketMap(socket, length, offset, external): maps the socket's ring; returns { buffer, byteOffset }. With
 * `external` false the ring goes into an ordinary ArrayBuffer, which is also what happens where the runtime
 * refuses external ones.
 */
static napi_value socket_map(napi_env env, napi_callback_info info) {
  napi_value arguments[4], buffer, result;
  int64_t length, offset;
  bool external;
  size_t byte_offset = 0;
  if (!get_arguments(env, info, 4, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_bool(env, arguments[3], &external)) return NULL;
  if (napi_get_value_int64(env, arguments[1], &length) != napi_ok || length <= 0 || length > MAX_RING ||
      napi_get_value_int64(env, arguments[2], &offset) != napi_ok || socket_handle->mapping_count == MAX_MAPPINGS) {
    throw_argument_error(env, "socketMap: wrong length or offset, or too many mappings");
    return NULL;
  }
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  /* First somewhere, so that a ring that is not there is found out before any other memory is touched. */
  struct mapping mapping = {.length = (size_t)length, .external = true};
  mapping.address = mmap(NULL, mapping.length, PROT_READ | PROT_WRITE, MAP_SHARED, socket_handle->fd, offset);
  if (mapping.address == MAP_FAILED) {
    throw_system_error(env, "mmap", errno);
    return NULL;
  }
  errno = ENOMEM;
  napi_status status = napi_no_external_buffers_allowed;
  if (external) {
    status = napi_create_external_arraybuffer(env, mapping.address, mapping.length, NULL, NULL, &buffer);
  }
  if (status == napi_no_external_buffers_allowed) status = move_inside(env, &mapping, &buffer, &byte_offset);
  if (status == napi_ok) status = napi_create_reference(env, buffer, 1, &mapping.buffer);
  if (status != napi_ok) {
    int error_number = errno;
    if (mapping.external) munmap(mapping.address, mapping.length);
    else make_plain(mapping.address, mapping.length);
    throw_system_error(env, "mmap", error_number);
    return NULL;
  }
  socket_handle->mappings[socket_handle->mapping_count++] = mapping;
  napi_set_named_property(env, result, "buffer", buffer);
  set_int(env, result, "byteOffset", (int)byte_offset);
  return result;
}

/* socketClose(socket): detaches the mappings' ArrayBuffers, unmaps and closes. Harmless when repeated. */
static napi_value socket_close(napi_env env, napi_callback_info info) {
  napi_value argument;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct socket_handle *socket_handle = unwrap_socket(env, argument);
  if (socket_handle == NULL) return NULL;
  if (socket_handle->fd >= 0) {
    release(env, socket_handle, true);
    napi_remove_env_cleanup_hook(env, release_at_exit, owner_of(socket_handle));
    napi_delete_reference(env, socket_handle->self);
  }
  return undefined_value(env);
}

void export_socket(napi_env env, napi_value exports) {
  export_function(env, exports, "socketOpen", socket_open);
  export_function(env, exports, "socketFd", socket_fd);
  export_function(env, exports, "socketSetOption", socket_set_option);
  export_function(env, exports, "socketGetOption", socket_get_option);
  export_function(env, exports, "socketAttachFilter", socket_attach_filter);
  export_function(env, exports, "socketBind", socket_bind);
  export_function(env, exports, "socketReceive", socket_receive);
  export_function(env, exports, "socketDrain", socket_drain);
  export_function(env, exports, "socketMap", socket_map);
  export_function(env, exports, "socketClose", socket_close);
}

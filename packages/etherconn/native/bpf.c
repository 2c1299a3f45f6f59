#include "bpf.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "netns.h"
#include "value.h"

static const napi_type_tag BPF_TAG = {0x7be3a90d41f64c58, 0x8d25c6f01a9e7b34};

#define ATTRIBUTES_SIZE(member) (offsetof(union bpf_attr, member) + sizeof(((union bpf_attr *)0)->member))

/* libbpf makes as many attempts at loading a program. */
#define BPF_ATTEMPTS 5

int call_bpf(int command, union bpf_attr *attributes, size_t size) {
  union bpf_attr before = *attributes;
  for (int attempt = 1;; attempt++) {
    int result = (int)syscall(SYS_bpf, command, attributes, size);
    if (result >= 0 || (errno != EAGAIN && errno != EINTR) || attempt == BPF_ATTEMPTS) return result;
    /* A batch that was given up has left its progress there. */
    *attributes = before;
  }
}

/*
 * For calls that verify or run a program, which the kernel gives up when a signal comes: a profiler sends one every
 * millisecond, and verifying takes longer, so that trying again alone would not do.
 */
static int call_bpf_undisturbed(int command, union bpf_attr *attributes, size_t size) {
  sigset_t all, before;
  sigfillset(&all);
  /* Linux masks signals by thread. pthread_sigmask does the same, and would need glibc 2.32. */
  sigprocmask(SIG_BLOCK, &all, &before);
  int result = call_bpf(command, attributes, size);
  int error_number = errno;
  sigprocmask(SIG_SETMASK, &before, NULL);
  errno = error_number;
  return result;
}

struct bpf_handle *get_bpf(napi_env env, napi_value value) {
  bool matches = false;
  struct bpf_handle *handle;
  if (napi_check_object_type_tag(env, value, &BPF_TAG, &matches) != napi_ok || !matches ||
      napi_unwrap(env, value, (void **)&handle) != napi_ok) {
    throw_argument_error(env, "expected a BPF object of this addon");
    return NULL;
  }
  if (handle->fd < 0) {
    throw_system_error(env, "bpf", EBADF);
    return NULL;
  }
  return handle;
}

bool map_lookup(int map_fd, const void *key, void *value) {
  union bpf_attr attributes = {
      .map_fd = (uint32_t)map_fd, .key = (uint64_t)(uintptr_t)key, .value = (uint64_t)(uintptr_t)value};
  return call_bpf(BPF_MAP_LOOKUP_ELEM, &attributes, ATTRIBUTES_SIZE(flags)) == 0;
}

bool map_update(int map_fd, const void *key, const void *value) {
  union bpf_attr attributes = {.map_fd = (uint32_t)map_fd,
                               .key = (uint64_t)(uintptr_t)key,
                               .value = (uint64_t)(uintptr_t)value,
                               .flags = BPF_ANY};
  return call_bpf(BPF_MAP_UPDATE_ELEM, &attributes, ATTRIBUTES_SIZE(flags)) == 0;
}

bool map_delete(int map_fd, const void *key) {
  union bpf_attr attributes = {.map_fd = (uint32_t)map_fd, .key = (uint64_t)(uintptr_t)key};
  return call_bpf(BPF_MAP_DELETE_ELEM, &attributes, ATTRIBUTES_SIZE(flags)) == 0;
}

static void close_at_exit(void *data) {
  struct bpf_handle *handle = data;
  close(handle->fd);
  handle->fd = -1;
}

static void free_handle(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct bpf_handle *handle = data;
  if (handle->fd >= 0) close(handle->fd);
  free(handle);
}

/* What an fd is of, as /proc names it: 'bpf-map', 'bpf-prog', 'bpf_link', or something else. */
static void read_kind(int fd, char *kind, size_t size) {
  char path[64];
  static const char prefix[] = "anon_inode:";
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(path, kind, size - 1);
  kind[length < 0 ? 0 : length] = '\0';
  size_t skip = sizeof prefix - 1;
  if (strncmp(kind, prefix, skip) == 0) memmove(kind, kind + skip, strlen(kind + skip) + 1);
}

static bool read_map_info(int fd, struct bpf_map_info *map) {
  memset(map, 0, sizeof *map);
  union bpf_attr attributes = {
      .info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof *map, .info = (uint64_t)(uintptr_t)map}};
  return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes, ATTRIBUTES_SIZE(info)) == 0;
}

/* The kernel's number of an object, never given twice; 0 when it cannot be told. Type and id begin every *_info. */
static uint32_t read_id(int fd) {
  uint32_t type_and_id[2] = {0, 0};
  union bpf_attr attributes = {
      .info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof type_and_id, .info = (uint64_t)(uintptr_t)type_and_id}};
  return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes, ATTRIBUTES_SIZE(info)) == 0 ? type_and_id[1] : 0;
}

/* Takes the fd over, also when it fails. */
static napi_value wrap_bpf(napi_env env, int fd) {
  napi_value object;
  char kind[64];
  struct bpf_map_info map = {0};
  struct bpf_handle *handle = calloc(1, sizeof *handle);
  if (handle == NULL) {
    close(fd);
    throw_system_error(env, "malloc", ENOMEM);
    return NULL;
  }
  read_kind(fd, kind, sizeof kind);
  if (strcmp(kind, "bpf-map") == 0 && !read_map_info(fd, &map)) {
    int error_number = errno;
    close(fd);
    free(handle);
    throw_system_error(env, "bpf(BPF_OBJ_GET_INFO_BY_FD)", error_number);
    return NULL;
  }
  handle->env = env;
  handle->fd = fd;
  handle->map_type = map.type;
  handle->key_size = map.key_size;
  handle->value_size = map.value_size;
  if (napi_create_object(env, &object) != napi_ok ||
      napi_wrap(env, object, handle, free_handle, NULL, NULL) != napi_ok) {
    close(fd);
    free(handle);
    return NULL;
  }
  if (napi_type_tag_object(env, object, &BPF_TAG) != napi_ok ||
      napi_create_reference(env, object, 1, &handle->self) != napi_ok ||
      napi_add_env_cleanup_hook(env, close_at_exit, handle) != napi_ok) {
    return NULL;
  }
  return object;
}

/* More than any kernel is built for: CONFIG_NR_CPUS is 8192 at most. */
#define MAX_CPUS 8192

/* Reads a number and the character after it, which it returns. fscanf and strtoul would need the glibc of the build. */
static int read_number(FILE *file, size_t *number) {
  int character = fgetc(file);
  *number = 0;
  while (character >= '0' && character <= '9' && *number < MAX_CPUS) {
    *number = *number * 10 + (size_t)(character - '0');
    character = fgetc(file);
  }
  return character;
}

/* How many CPUs the file tells, in lists like "0-3,8"; MAX_CPUS when it does not tell. */
static size_t read_possible_cpus(void) {
  FILE *file = fopen("/sys/devices/system/cpu/possible", "re");
  size_t cpus = 0;
  size_t first, last;
  int separator = ',';
  if (file == NULL) return MAX_CPUS;
  while (separator == ',') {
    separator = read_number(file, &first);
    last = first;
    if (separator == '-') separator = read_number(file, &last);
    cpus += last - first + 1;
  }
  fclose(file);
  return separator == '\n' && cpus <= MAX_CPUS ? cpus : MAX_CPUS;
}

/*
 * CPUs that the kernel keeps values for, or more: it never changes, so the file is read once, when the first map is
 * made. Later there may be no descriptor left to read it with, and counters are asked for when a link is closed, too.
 * Where there is no such file (a chroot) room for any number of CPUs does as well: what the kernel does not write is 0.
 */
static size_t possible_cpus(void) {
  static _Atomic size_t cached;
  size_t cpus = cached;
  if (cpus == 0) cached = cpus = read_possible_cpus();
  return cpus;
}

/* bpfMapCreate(type, keySize, valueSize, maxEntries, name) */
static napi_value map_create(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  int type, key_size, value_size, max_entries;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  if (!get_arguments(env, info, 5, arguments) || !get_int(env, arguments[0], &type) ||
      !get_int(env, arguments[1], &key_size) || !get_int(env, arguments[2], &value_size) ||
      !get_int(env, arguments[3], &max_entries) ||
      !get_string(env, arguments[4], attributes.map_name, sizeof attributes.map_name)) {
    return NULL;
  }
  attributes.map_type = (uint32_t)type;
  attributes.key_size = (uint32_t)key_size;
  attributes.value_size = (uint32_t)value_size;
  attributes.max_entries = (uint32_t)max_entries;
  int fd = call_bpf(BPF_MAP_CREATE, &attributes, ATTRIBUTES_SIZE(map_name));
  if (fd < 0) {
    throw_system_error(env, "bpf(BPF_MAP_CREATE)", errno);
    return NULL;
  }
  possible_cpus();
  return wrap_bpf(env, fd);
}

/*
 * bpfProgramLoad(instructions, license, name, flags, log): an XDP program; `flags` are BPF_F_* of BPF_PROG_LOAD. With
 * a `log` of some length the verifier writes there, as text that ends with a zero.
 */
static napi_value program_load(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  uint8_t *instructions, *log;
  size_t length, log_length;
  char license[32];
  int flags;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  if (!get_arguments(env, info, 5, arguments) || !get_bytes(env, arguments[0], &instructions, &length) ||
      !get_string(env, arguments[1], license, sizeof license) ||
      !get_string(env, arguments[2], attributes.prog_name, sizeof attributes.prog_name) ||
      !get_int(env, arguments[3], &flags) || !get_bytes(env, arguments[4], &log, &log_length)) {
    return NULL;
  }
  attributes.prog_type = BPF_PROG_TYPE_XDP;
  attributes.expected_attach_type = BPF_XDP;
  attributes.insn_cnt = (uint32_t)(length / sizeof(struct bpf_insn));
  attributes.insns = (uint64_t)(uintptr_t)instructions;
  attributes.license = (uint64_t)(uintptr_t)license;
  attributes.prog_flags = (uint32_t)flags;
  if (log_length > 0) {
    attributes.log_level = 1;
    attributes.log_size = (uint32_t)log_length;
    attributes.log_buf = (uint64_t)(uintptr_t)log;
  }
  int fd = call_bpf_undisturbed(BPF_PROG_LOAD, &attributes, ATTRIBUTES_SIZE(expected_attach_type));
  if (fd < 0) {
    throw_system_error(env, "bpf(BPF_PROG_LOAD)", errno);
    return NULL;
  }
  return wrap_bpf(env, fd);
}

/*
 * bpfLinkCreate(program, interfaceIndex, flags, namespaceFd): attaches an XDP program; `flags` are XDP_FLAGS_*_MODE.
 * Closing the link, or the end of the process, detaches it.
 */
static napi_value link_create(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int index, flags, namespace_fd, previous = -1;
  const char *syscall_name;
  if (!get_arguments(env, info, 4, arguments)) return NULL;
  struct bpf_handle *program = get_bpf(env, arguments[0]);
  if (program == NULL || !get_int(env, arguments[1], &index) || !get_int(env, arguments[2], &flags) ||
      !get_int(env, arguments[3], &namespace_fd)) {
    return NULL;
  }
  if (namespace_fd >= 0 && (previous = enter_namespace(namespace_fd, &syscall_name)) < 0) {
    throw_system_error(env, syscall_name, errno);
    return NULL;
  }
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.link_create.prog_fd = (uint32_t)program->fd;
  attributes.link_create.target_ifindex = (uint32_t)index;
  attributes.link_create.attach_type = BPF_XDP;
  attributes.link_create.flags = (uint32_t)flags;
  int fd = call_bpf(BPF_LINK_CREATE, &attributes, ATTRIBUTES_SIZE(link_create.flags));
  int error_number = errno;
  if (previous >= 0) leave_namespace(previous);
  if (fd < 0) {
    throw_system_error(env, "bpf(BPF_LINK_CREATE)", error_number);
    return NULL;
  }
  return wrap_bpf(env, fd);
}

/* bpfAdopt(fd): a handle of its own on the BPF object behind an fd, which stays the caller's. */
static napi_value adopt(napi_env env, napi_callback_info info) {
  napi_value argument;
  int fd;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, &fd)) return NULL;
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    throw_system_error(env, "dup", errno);
    return NULL;
  }
  return wrap_bpf(env, copy);
}

/* bpfOpen(path): the object that is pinned in a BPF file system. */
static napi_value open_pinned(napi_env env, napi_callback_info info) {
  napi_value argument;
  char path[4096];
  if (!get_arguments(env, info, 1, &argument) || !get_string(env, argument, path, sizeof path)) return NULL;
  union bpf_attr attributes = {.pathname = (uint64_t)(uintptr_t)path};
  int fd = call_bpf(BPF_OBJ_GET, &attributes, ATTRIBUTES_SIZE(file_flags));
  if (fd < 0) {
    throw_system_error(env, "bpf(BPF_OBJ_GET)", errno);
    return NULL;
  }
  return wrap_bpf(env, fd);
}

/* bpfPin(object, path): keeps the object in a BPF file system. */
static napi_value pin(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  char path[4096];
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct bpf_handle *handle = get_bpf(env, arguments[0]);
  if (handle == NULL || !get_string(env, arguments[1], path, sizeof path)) return NULL;
  union bpf_attr attributes = {.pathname = (uint64_t)(uintptr_t)path, .bpf_fd = (uint32_t)handle->fd};
  if (call_bpf(BPF_OBJ_PIN, &attributes, ATTRIBUTES_SIZE(file_flags)) != 0) {
    throw_system_error(env, "bpf(BPF_OBJ_PIN)", errno);
    return NULL;
  }
  return undefined_value(env);
}

/* bpfDescribe(object): { kind, id, type, keySize, valueSize, maxEntries }; all from the type on are 0 for what is no map. */
static napi_value describe(napi_env env, napi_callback_info info) {
  napi_value argument, result, kind_value;
  char kind[64];
  struct bpf_map_info map = {0};
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct bpf_handle *handle = get_bpf(env, argument);
  if (handle == NULL) return NULL;
  read_kind(handle->fd, kind, sizeof kind);
  if (handle->key_size > 0 && !read_map_info(handle->fd, &map)) {
    throw_system_error(env, "bpf(BPF_OBJ_GET_INFO_BY_FD)", errno);
    return NULL;
  }
  if (napi_create_object(env, &result) != napi_ok ||
      napi_create_string_utf8(env, kind, NAPI_AUTO_LENGTH, &kind_value) != napi_ok) {
    return NULL;
  }
  napi_set_named_property(env, result, "kind", kind_value);
  set_int(env, result, "id", (int)read_id(handle->fd));
  set_int(env, result, "type", (int)map.type);
  set_int(env, result, "keySize", (int)map.key_size);
  set_int(env, result, "valueSize", (int)map.value_size);
  set_int(env, result, "maxEntries", (int)map.max_entries);
  return result;
}

/*
 * Checks that the map has one value for each key, of the size that the map tells (per-CPU maps have one for each CPU,
 * which the kernel would write behind the first), and that a key, and a value unless NULL is given for it, are as long
 * as the map's.
 */
static bool get_element(napi_env env, struct bpf_handle *map, napi_value *arguments, uint8_t **key, uint8_t **value) {
  size_t key_length, value_length = map->value_size;
  if (map->map_type != BPF_MAP_TYPE_HASH && map->map_type != BPF_MAP_TYPE_ARRAY &&
      map->map_type != BPF_MAP_TYPE_XSKMAP) {
    throw_argument_error(env, "expected a map of type HASH, ARRAY or XSKMAP");
    return false;
  }
  if (!get_bytes(env, arguments[0], key, &key_length)) return false;
  if (value != NULL && !get_bytes(env, arguments[1], value, &value_length)) return false;
  if (key_length != map->key_size || value_length != map->value_size) {
    throw_argument_error(env, "key or value is not of the map's size");
    return false;
  }
  return true;
}

/* bpfMapUpdate(map, key, value): for maps of type HASH, ARRAY and XSKMAP, as the two below. */
static napi_value update(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint8_t *key, *value;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct bpf_handle *map = get_bpf(env, arguments[0]);
  if (map == NULL || !get_element(env, map, arguments + 1, &key, &value)) return NULL;
  if (!map_update(map->fd, key, value)) {
    throw_system_error(env, "bpf(BPF_MAP_UPDATE_ELEM)", errno);
    return NULL;
  }
  return undefined_value(env);
}

/* bpfMapHas(map, key): for values of at most 64 bytes. */
static napi_value has_element(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result = NULL;
  uint8_t *key, value[64];
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct bpf_handle *map = get_bpf(env, arguments[0]);
  if (map == NULL || !get_element(env, map, arguments + 1, &key, NULL)) return NULL;
  if (map->value_size > sizeof value) {
    throw_argument_error(env, "bpfMapHas: the map's values are too long");
    return NULL;
  }
  bool found = map_lookup(map->fd, key, value);
  if (!found && errno != ENOENT) {
    throw_system_error(env, "bpf(BPF_MAP_LOOKUP_ELEM)", errno);
    return NULL;
  }
  napi_get_boolean(env, found, &result);
  return result;
}

/* bpfMapDelete(map, key): whether it was there. */
static napi_value delete_element(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result = NULL;
  uint8_t *key;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct bpf_handle *map = get_bpf(env, arguments[0]);
  if (map == NULL || !get_element(env, map, arguments + 1, &key, NULL)) return NULL;
  bool deleted = map_delete(map->fd, key);
  if (!deleted && errno != ENOENT) {
    throw_system_error(env, "bpf(BPF_MAP_DELETE_ELEM)", errno);
    return NULL;
  }
  napi_get_boolean(env, deleted, &result);
  return result;
}

/* bpfMapSum(map, totals): of a per-CPU array of 64-bit numbers the first entries, each added up over all CPUs. */
static napi_value map_sum(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint8_t *totals;
  size_t length;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct bpf_handle *map = get_bpf(env, arguments[0]);
  if (map == NULL || !get_bytes(env, arguments[1], &totals, &length)) return NULL;
  if (map->map_type != BPF_MAP_TYPE_PERCPU_ARRAY || map->value_size != sizeof(uint64_t)) {
    throw_argument_error(env, "bpfMapSum: not a per-CPU array of 64-bit numbers");
    return NULL;
  }
  size_t cpus = possible_cpus();
  uint64_t *values = calloc(cpus, sizeof *values);
  bool found = values != NULL;
  for (uint32_t entry = 0; found && entry < length / sizeof(uint64_t); entry++) {
    uint64_t sum = 0;
    found = map_lookup(map->fd, &entry, values);
    for (size_t cpu = 0; cpu < cpus; cpu++) sum += values[cpu];
    memcpy(totals + entry * sizeof sum, &sum, sizeof sum);
  }
  int error_number = values == NULL ? ENOMEM : errno;
  free(values);
  if (!found) {
    throw_system_error(env, "bpf(BPF_MAP_LOOKUP_ELEM)", error_number);
    return NULL;
  }
  return undefined_value(env);
}

/*
 * bpfTestRun(program, frame, interfaceIndex, queue, namespaceFd): what the program returns for a frame as if it came
 * from that queue. The index 0 means the loopback interface and its only queue.
 */
static napi_value test_run(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  uint8_t *frame;
  size_t length;
  int index, queue, namespace_fd, previous = -1;
  const char *syscall_name;
  if (!get_arguments(env, info, 5, arguments)) return NULL;
  struct bpf_handle *program = get_bpf(env, arguments[0]);
  if (program == NULL || !get_bytes(env, arguments[1], &frame, &length) || !get_int(env, arguments[2], &index) ||
      !get_int(env, arguments[3], &queue) || !get_int(env, arguments[4], &namespace_fd)) {
    return NULL;
  }
  struct xdp_md context = {
      .data_end = (uint32_t)length, .ingress_ifindex = (uint32_t)index, .rx_queue_index = (uint32_t)queue};
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.test.prog_fd = (uint32_t)program->fd;
  attributes.test.data_in = (uint64_t)(uintptr_t)frame;
  attributes.test.data_size_in = (uint32_t)length;
  attributes.test.repeat = 1;
  if (index > 0) {
    attributes.test.ctx_in = (uint64_t)(uintptr_t)&context;
    attributes.test.ctx_size_in = sizeof context;
  }
  if (namespace_fd >= 0 && (previous = enter_namespace(namespace_fd, &syscall_name)) < 0) {
    throw_system_error(env, syscall_name, errno);
    return NULL;
  }
  int result = call_bpf_undisturbed(BPF_PROG_TEST_RUN, &attributes, ATTRIBUTES_SIZE(test));
  int error_number = errno;
  if (previous >= 0) leave_namespace(previous);
  if (result != 0) {
    throw_system_error(env, "bpf(BPF_PROG_TEST_RUN)", error_number);
    return NULL;
  }
  return make_int(env, (int)attributes.test.retval);
}

/* bpfFd(object): to give it to another thread or process. */
static napi_value bpf_fd(napi_env env, napi_callback_info info) {
  napi_value argument;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  struct bpf_handle *handle = get_bpf(env, argument);
  return handle == NULL ? NULL : make_int(env, handle->fd);
}

/* bpfClose(object): harmless when repeated. */
static napi_value bpf_close(napi_env env, napi_callback_info info) {
  napi_value argument;
  struct bpf_handle *handle;
  bool matches = false;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  if (napi_check_object_type_tag(env, argument, &BPF_TAG, &matches) != napi_ok || !matches ||
      napi_unwrap(env, argument, (void **)&handle) != napi_ok) {
    throw_argument_error(env, "expected a BPF object of this addon");
    return NULL;
  }
  if (handle->fd >= 0) {
    napi_remove_env_cleanup_hook(env, close_at_exit, handle);
    close(handle->fd);
    handle->fd = -1;
    napi_delete_reference(env, handle->self);
  }
  return undefined_value(env);
}

void export_bpf(napi_env env, napi_value exports) {
  export_function(env, exports, "bpfMapCreate", map_create);
  export_function(env, exports, "bpfMapUpdate", update);
  export_function(env, exports, "bpfMapHas", has_element);
  export_function(env, exports, "bpfMapDelete", delete_element);
  export_function(env, exports, "bpfMapSum", map_sum);
  export_function(env, exports, "bpfProgramLoad", program_load);
  export_function(env, exports, "bpfLinkCreate", link_create);
  export_function(env, exports, "bpfTestRun", test_run);
  export_function(env, exports, "bpfAdopt", adopt);
  export_function(env, exports, "bpfOpen", open_pinned);
  export_function(env, exports, "bpfPin", pin);
  export_function(env, exports, "bpfDescribe", describe);
  export_function(env, exports, "bpfFd", bpf_fd);
  export_function(env, exports, "bpfClose", bpf_close);
}

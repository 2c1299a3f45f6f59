/*
 * The maps of the steering program, changed by several threads of one process that own different queues: each
 * change is a read, a merge and a write, and one lock for the process makes them one step. The lock is taken
 * and given back within a native call, so a worker thread that is terminated never keeps it. Threads of
 * different processes must not share these maps.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bpf.h"
#include "error.h"
#include "value.h"

#include "../bpf/steer.h"

static pthread_mutex_t maps_lock = PTHREAD_MUTEX_INITIALIZER;

/* An endpoint without the wishes of some queues. */
static void take_out(struct endpoint *endpoint, uint64_t queues) {
  endpoint->any &= ~queues;
  for (int i = 0; i < ENDPOINT_ETHER_TYPES; i++) endpoint->queues[i] &= ~queues;
}

/* An endpoint with one more EtherType; the queues get all of them when there is no slot left. */
static void put_in(struct endpoint *endpoint, uint16_t type, uint64_t queues) {
  int slot = -1;
  for (int i = ENDPOINT_ETHER_TYPES - 1; i >= 0; i--) {
    if (endpoint->queues[i] == 0) {
      slot = i;
    } else if (endpoint->types[i] == type) {
      slot = i;
      break;
    }
  }
  if (slot < 0) {
    endpoint->any |= queues;
  } else {
    endpoint->types[slot] = type;
    endpoint->queues[slot] |= queues;
  }
}

static void merge(struct endpoint *endpoint, const struct endpoint *wishes, uint64_t queues) {
  take_out(endpoint, queues);
  endpoint->any |= wishes->any;
  for (int i = 0; i < ENDPOINT_ETHER_TYPES; i++) {
    if (wishes->queues[i] != 0) put_in(endpoint, wishes->types[i], wishes->queues[i]);
  }
}

static bool is_wanted(const struct endpoint *endpoint) {
  uint64_t queues = endpoint->any;
  for (int i = 0; i < ENDPOINT_ETHER_TYPES; i++) queues |= endpoint->queues[i];
  return queues != 0;
}

/* Returns 0 or an errno. */
static int delete_all(int map_fd, const struct endpoint_key *keys, size_t count) {
  /* The kernel takes longer for a batch of one. */
  if (count == 1) return map_delete(map_fd, keys) || errno == ENOENT ? 0 : errno;
  size_t done = 0;
  while (done < count) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.batch.map_fd = (uint32_t)map_fd;
    attributes.batch.keys = (uint64_t)(uintptr_t)(keys + done);
    attributes.batch.count = (uint32_t)(count - done);
    if (call_bpf(BPF_MAP_DELETE_BATCH, &attributes, sizeof attributes.batch) == 0) break;
    if (errno != ENOENT) return errno;
    /* Stopped at one that was not there, which is as good. */
    done += attributes.batch.count + 1;
  }
  return 0;
}

/* Returns 0 or an errno. */
static int update_all(int map_fd, const struct endpoint_key *keys, const struct endpoint *values, size_t count) {
  if (count == 0) return 0;
  if (count == 1) return map_update(map_fd, keys, values) ? 0 : errno;
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.batch.map_fd = (uint32_t)map_fd;
  attributes.batch.keys = (uint64_t)(uintptr_t)keys;
  attributes.batch.values = (uint64_t)(uintptr_t)values;
  attributes.batch.count = (uint32_t)count;
  return call_bpf(BPF_MAP_UPDATE_BATCH, &attributes, sizeof attributes.batch) == 0 ? 0 : errno;
}

/* Room for a merge of `count` endpoints: those that stay, and the keys of those that go. */
struct plan {
  struct endpoint_key *kept;
  struct endpoint *values;
  struct endpoint_key *gone;
  size_t kept_count;
  size_t gone_count;
};

static int carry_out(int map_fd, struct plan *plan, const struct endpoint_key *keys, const struct endpoint *wishes,
                     size_t count, uint64_t queues, bool shared) {
  for (size_t i = 0; i < count; i++) {
    struct endpoint endpoint;
    memset(&endpoint, 0, sizeof endpoint);
    /* Who does not share the map knows what is in it. */
    if (shared && !map_lookup(map_fd, &keys[i], &endpoint) && errno != ENOENT) return errno;
    merge(&endpoint, &wishes[i], queues);
    if (is_wanted(&endpoint)) {
      plan->kept[plan->kept_count] = keys[i];
      plan->values[plan->kept_count++] = endpoint;
    } else {
      plan->gone[plan->gone_count++] = keys[i];
    }
  }
  /* First make room. */
  int error_number = delete_all(map_fd, plan->gone, plan->gone_count);
  return error_number != 0 ? error_number : update_all(map_fd, plan->kept, plan->values, plan->kept_count);
}

/* A mask of queues: 8 bytes. */
static bool get_mask(napi_env env, napi_value value, uint64_t *mask) {
  uint8_t *bytes;
  size_t length;
  if (!get_bytes(env, value, &bytes, &length)) return false;
  if (length != sizeof *mask) {
    throw_argument_error(env, "a mask of queues has 8 bytes");
    return false;
  }
  memcpy(mask, bytes, sizeof *mask);
  return true;
}

static struct bpf_handle *get_map(napi_env env, napi_value value, uint32_t type, size_t key_size, size_t value_size) {
  struct bpf_handle *map = get_bpf(env, value);
  if (map == NULL) return NULL;
  if (map->map_type == type && map->key_size == key_size && map->value_size == value_size) return map;
  throw_argument_error(env, "not a map of this steering program");
  return NULL;
}

/*
 * steeringMerge(endpoints, keys, wishes, queues, shared): replaces what `queues` want of the endpoints `keys` (struct
 * endpoint_key after the other) by `wishes` (struct endpoint, as many); nothing wanted is a struct of zeros. `shared`
 * says that the map may hold wishes of other queues.
 */
static napi_value steering_merge(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  uint8_t *keys, *wishes;
  size_t keys_length, wishes_length;
  uint64_t queues;
  bool shared;
  if (!get_arguments(env, info, 5, arguments)) return NULL;
  struct bpf_handle *map = get_map(env, arguments[0], BPF_MAP_TYPE_HASH, sizeof(struct endpoint_key), sizeof(struct endpoint));
  if (map == NULL || !get_bytes(env, arguments[1], &keys, &keys_length) ||
      !get_bytes(env, arguments[2], &wishes, &wishes_length) || !get_mask(env, arguments[3], &queues) ||
      !get_bool(env, arguments[4], &shared)) {
    return NULL;
  }
  size_t count = keys_length / sizeof(struct endpoint_key);
  if (keys_length % sizeof(struct endpoint_key) != 0 || wishes_length != count * sizeof(struct endpoint) ||
      (uintptr_t)keys % _Alignof(struct endpoint_key) != 0 || (uintptr_t)wishes % _Alignof(struct endpoint) != 0) {
    throw_argument_error(env, "steeringMerge: as many wishes as keys are needed, aligned");
    return NULL;
  }
  if (count == 0) return undefined_value(env);
  struct plan plan = {.kept = calloc(count, sizeof *plan.kept),
                      .values = calloc(count, sizeof *plan.values),
                      .gone = calloc(count, sizeof *plan.gone)};
  int error_number = ENOMEM;
  if (plan.kept != NULL && plan.values != NULL && plan.gone != NULL) {
    pthread_mutex_lock(&maps_lock);
    error_number = carry_out(map->fd, &plan, (const struct endpoint_key *)keys, (const struct endpoint *)wishes, count,
                             queues, shared);
    pthread_mutex_unlock(&maps_lock);
  }
  free(plan.kept);
  free(plan.values);
  free(plan.gone);
  if (error_number != 0) {
    throw_system_error(env, "bpf(BPF_MAP_UPDATE_BATCH)", error_number);
    return NULL;
  }
  return undefined_value(env);
}

/* Returns 0 or an errno. */
static int change_service(int services_fd, int settings_fd, const void *key, uint64_t queues, bool wanted) {
  uint32_t zero = 0;
  struct settings settings;
  uint64_t before = 0;
  if (!map_lookup(services_fd, key, &before) && errno != ENOENT) return errno;
  uint64_t after = wanted ? before | queues : before & ~queues;
  if (after == before) return 0;
  if (after != 0 ? !map_update(services_fd, key, &after) : !map_delete(services_fd, key)) return errno;
  if (before != 0 && after != 0) return 0;
  if (!map_lookup(settings_fd, &zero, &settings)) return errno;
  settings.services += after != 0 ? 1 : (uint64_t)-1;
  return map_update(settings_fd, &zero, &settings) ? 0 : errno;
}

/* steeringService(services, settings, key, queues, wanted): whether `queues` take datagrams for struct service_key. */
static napi_value steering_service(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  uint8_t *key;
  size_t length;
  uint64_t queues;
  bool wanted;
  if (!get_arguments(env, info, 5, arguments)) return NULL;
  struct bpf_handle *services = get_map(env, arguments[0], BPF_MAP_TYPE_HASH, sizeof(struct service_key), sizeof(uint64_t));
  if (services == NULL) return NULL;
  struct bpf_handle *settings = get_map(env, arguments[1], BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(struct settings));
  if (settings == NULL || !get_bytes(env, arguments[2], &key, &length) || !get_mask(env, arguments[3], &queues)) {
    return NULL;
  }
  if (!get_bool(env, arguments[4], &wanted)) return NULL;
  if (length != sizeof(struct service_key)) {
    throw_argument_error(env, "steeringService: wrong key");
    return NULL;
  }
  pthread_mutex_lock(&maps_lock);
  int error_number = change_service(services->fd, settings->fd, key, queues, wanted);
  pthread_mutex_unlock(&maps_lock);
  if (error_number != 0) {
    throw_system_error(env, "bpf(BPF_MAP_UPDATE_ELEM)", error_number);
    return NULL;
  }
  return undefined_value(env);
}

/* steeringTakeAll(settings, queues, wanted): whether `queues` take every unicast frame. */
static napi_value steering_take_all(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint32_t zero = 0;
  struct settings settings;
  uint64_t queues;
  bool wanted;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct bpf_handle *map = get_map(env, arguments[0], BPF_MAP_TYPE_ARRAY, sizeof zero, sizeof settings);
  if (map == NULL || !get_mask(env, arguments[1], &queues) || !get_bool(env, arguments[2], &wanted)) return NULL;
  pthread_mutex_lock(&maps_lock);
  bool done = map_lookup(map->fd, &zero, &settings);
  if (done) {
    settings.take_all = wanted ? settings.take_all | queues : settings.take_all & ~queues;
    done = map_update(map->fd, &zero, &settings);
  }
  int error_number = errno;
  pthread_mutex_unlock(&maps_lock);
  if (!done) {
    throw_system_error(env, "bpf(BPF_MAP_UPDATE_ELEM)", error_number);
    return NULL;
  }
  return undefined_value(env);
}

void export_steering(napi_env env, napi_value exports) {
  export_function(env, exports, "steeringMerge", steering_merge);
  export_function(env, exports, "steeringService", steering_service);
  export_function(env, exports, "steeringTakeAll", steering_take_all);
}

/* Settings of a network interface's driver: SIOCETHTOOL on a socket, so in that socket's namespace. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "bpf.h"
#include "error.h"
#include "socket.h"
#include "value.h"

/* Negative with errno on failure; a few commands return more than 0. */
static int call_ethtool(int fd, const char *name, void *command) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, name, sizeof request.ifr_name);
  request.ifr_data = command;
  return ioctl(fd, SIOCETHTOOL, &request);
}

/* The socket and the interface's name, which every function here takes first. */
static struct socket_handle *get_target(napi_env env, napi_value *arguments, char *name) {
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  memset(name, 0, IFNAMSIZ);
  return socket_handle != NULL && get_string(env, arguments[1], name, IFNAMSIZ) ? socket_handle : NULL;
}

/* ethtoolChannels(socket, name): { rx, tx, combined }, the queues in use; undefined when the driver does not tell. */
static napi_value channels(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result;
  char name[IFNAMSIZ];
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct socket_handle *socket_handle = get_target(env, arguments, name);
  if (socket_handle == NULL) return NULL;
  struct ethtool_channels answer = {.cmd = ETHTOOL_GCHANNELS};
  if (call_ethtool(socket_handle->fd, name, &answer) < 0) {
    if (errno == EOPNOTSUPP) return undefined_value(env);
    throw_system_error(env, "ioctl(ETHTOOL_GCHANNELS)", errno);
    return NULL;
  }
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  set_int(env, result, "rx", (int)answer.rx_count);
  set_int(env, result, "tx", (int)answer.tx_count);
  set_int(env, result, "combined", (int)answer.combined_count);
  return result;
}

/* The number of offload features that this kernel knows; 0 with errno on failure. */
static uint32_t count_features(int fd, const char *name) {
  struct {
    struct ethtool_sset_info header;
    uint32_t count;
  } set = {.header = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};
  if (call_ethtool(fd, name, &set) < 0) return 0;
  if (set.header.sset_mask == 0) {
    errno = EOPNOTSUPP;
    return 0;
  }
  return set.count;
}

static uint32_t blocks_of(uint32_t features) { return (features + 31) / 32; }

/* ethtoolFeatureNames(socket, name): the kernel's names of the features, by number; '' for numbers without. */
static napi_value feature_names(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result, text;
  char name[IFNAMSIZ];
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct socket_handle *socket_handle = get_target(env, arguments, name);
  if (socket_handle == NULL) return NULL;
  uint32_t count = count_features(socket_handle->fd, name);
  struct ethtool_gstrings *strings = NULL;
  if (count > 0) {
    strings = calloc(1, sizeof *strings + (size_t)count * ETH_GSTRING_LEN);
    if (strings == NULL) errno = ENOMEM;
  }
  if (strings != NULL) {
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_FEATURES;
    strings->len = count;
  }
  if (strings == NULL || call_ethtool(socket_handle->fd, name, strings) < 0) {
    int error_number = errno;
    free(strings);
    throw_system_error(env, "ioctl(ETHTOOL_GSTRINGS)", error_number);
    return NULL;
  }
  if (napi_create_array(env, &result) == napi_ok) {
    for (uint32_t i = 0; i < count; i++) {
      const char *string = (const char *)strings->data + (size_t)i * ETH_GSTRING_LEN;
      if (napi_create_string_utf8(env, string, strnlen(string, ETH_GSTRING_LEN), &text) != napi_ok) break;
      napi_set_element(env, result, i, text);
    }
  }
  free(strings);
  return result;
}

/*
 * ethtoolFeatures(socket, name, words): fills four words for each 32 features: those that can be changed, those that
 * were asked for, those that are on, those that can never be changed. Returns how many words there are.
 */
static napi_value features(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  char name[IFNAMSIZ];
  uint8_t *words;
  size_t length;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct socket_handle *socket_handle = get_target(env, arguments, name);
  if (socket_handle == NULL || !get_bytes(env, arguments[2], &words, &length)) return NULL;
  uint32_t room = (uint32_t)(length / sizeof(struct ethtool_get_features_block));
  struct ethtool_gfeatures *answer = calloc(1, sizeof *answer + length);
  if (answer != NULL) {
    answer->cmd = ETHTOOL_GFEATURES;
    answer->size = room;
  }
  if (answer == NULL || call_ethtool(socket_handle->fd, name, answer) < 0) {
    int error_number = answer == NULL ? ENOMEM : errno;
    free(answer);
    throw_system_error(env, "ioctl(ETHTOOL_GFEATURES)", error_number);
    return NULL;
  }
  uint32_t blocks = answer->size;
  /* Without room there may be no `words`, which even a copy of nothing must not be given. */
  if (room > 0) {
    memcpy(words, answer->features, (blocks < room ? blocks : room) * sizeof(struct ethtool_get_features_block));
  }
  free(answer);
  return make_int(env, (int)(blocks * 4));
}

/* ethtoolSetFeature(socket, name, feature, on): by number. Returns the kernel's ETHTOOL_F_* bits; 0: done as asked. */
static napi_value set_feature(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  char name[IFNAMSIZ];
  int feature;
  bool on;
  if (!get_arguments(env, info, 4, arguments)) return NULL;
  struct socket_handle *socket_handle = get_target(env, arguments, name);
  if (socket_handle == NULL || !get_int(env, arguments[2], &feature) || !get_bool(env, arguments[3], &on)) return NULL;
  uint32_t count = count_features(socket_handle->fd, name);
  if (count == 0) {
    throw_system_error(env, "ioctl(ETHTOOL_GSSET_INFO)", errno);
    return NULL;
  }
  if (feature < 0 || (uint32_t)feature >= count) {
    throw_argument_error(env, "no such feature");
    return NULL;
  }
  /* The kernel wants exactly as many blocks as it has. */
  uint32_t blocks = blocks_of(count);
  struct ethtool_sfeatures *request = calloc(1, sizeof *request + blocks * sizeof request->features[0]);
  int result = -1, error_number = ENOMEM;
  if (request != NULL) {
    request->cmd = ETHTOOL_SFEATURES;
    request->size = blocks;
    request->features[feature / 32].valid = 1U << feature % 32;
    request->features[feature / 32].requested = on ? 1U << feature % 32 : 0;
    result = call_ethtool(socket_handle->fd, name, request);
    error_number = errno;
  }
  free(request);
  if (result < 0) {
    throw_system_error(env, "ioctl(ETHTOOL_SFEATURES)", error_number);
    return NULL;
  }
  return make_int(env, result);
}

void export_ethtool(napi_env env, napi_value exports) {
  export_function(env, exports, "ethtoolChannels", channels);
  export_function(env, exports, "ethtoolFeatureNames", feature_names);
  export_function(env, exports, "ethtoolFeatures", features);
  export_function(env, exports, "ethtoolSetFeature", set_feature);
}

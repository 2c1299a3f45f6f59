/* What a network interface says of itself, asked by ioctl on a socket, so in that socket's namespace. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "error.h"
#include "socket.h"
#include "value.h"

/* interfaceQuery(socket, name): { index, mtu, type, address, driver }; driver is '' when there is none. */
static napi_value interface_query(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result, buffer, address, driver;
  char name[IFNAMSIZ];
  struct ifreq request;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_string(env, arguments[1], name, sizeof name)) return NULL;
  if (napi_create_object(env, &result) != napi_ok) return NULL;

  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, name, sizeof name);
  if (ioctl(socket_handle->fd, SIOCGIFINDEX, &request) != 0) {
    throw_system_error(env, "ioctl(SIOCGIFINDEX)", errno);
    return NULL;
  }
  set_int(env, result, "index", request.ifr_ifindex);
  if (ioctl(socket_handle->fd, SIOCGIFMTU, &request) != 0) {
    throw_system_error(env, "ioctl(SIOCGIFMTU)", errno);
    return NULL;
  }
  set_int(env, result, "mtu", request.ifr_mtu);
  if (ioctl(socket_handle->fd, SIOCGIFHWADDR, &request) != 0) {
    throw_system_error(env, "ioctl(SIOCGIFHWADDR)", errno);
    return NULL;
  }
  set_int(env, result, "type", request.ifr_hwaddr.sa_family);
  void *bytes;
  if (napi_create_arraybuffer(env, 6, &bytes, &buffer) != napi_ok) return NULL;
  memcpy(bytes, request.ifr_hwaddr.sa_data, 6);
  if (napi_create_typedarray(env, napi_uint8_array, 6, buffer, 0, &address) != napi_ok) return NULL;
  napi_set_named_property(env, result, "address", address);

  struct ethtool_drvinfo information = {.cmd = ETHTOOL_GDRVINFO};
  request.ifr_data = (char *)&information;
  /* Some interfaces (loopback) have no driver to tell of. */
  if (ioctl(socket_handle->fd, SIOCETHTOOL, &request) != 0) information.driver[0] = '\0';
  information.driver[sizeof information.driver - 1] = '\0';
  if (napi_create_string_utf8(env, information.driver, NAPI_AUTO_LENGTH, &driver) != napi_ok) return NULL;
  napi_set_named_property(env, result, "driver", driver);
  return result;
}

/*
 * interfaceAddress(socket, index, address): writes the MAC address (6 bytes); 0, or a negative errno as interfaceState
 * has.
 */
static napi_value interface_address(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct ifreq request;
  uint8_t *address;
  size_t length;
  memset(&request, 0, sizeof request);
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_int(env, arguments[1], &request.ifr_ifindex) ||
      !get_bytes(env, arguments[2], &address, &length)) {
    return NULL;
  }
  if (length != 6) {
    throw_argument_error(env, "interfaceAddress: a MAC address has 6 bytes");
    return NULL;
  }
  if (ioctl(socket_handle->fd, SIOCGIFNAME, &request) != 0) return make_int(env, -errno);
  if (ioctl(socket_handle->fd, SIOCGIFHWADDR, &request) != 0) return make_int(env, -errno);
  memcpy(address, request.ifr_hwaddr.sa_data, length);
  return make_int(env, 0);
}

/*
 * interfaceState(socket, index): 1 when the interface is up and has a carrier, 0 when not, or a negative errno:
 * -ENODEV when it is gone from the socket's namespace. By index, since an interface keeps it when it is renamed.
 */
static napi_value interface_state(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct ifreq request;
  memset(&request, 0, sizeof request);
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct socket_handle *socket_handle = get_socket(env, arguments[0]);
  if (socket_handle == NULL || !get_int(env, arguments[1], &request.ifr_ifindex)) return NULL;
  if (ioctl(socket_handle->fd, SIOCGIFNAME, &request) != 0) return make_int(env, -errno);
  if (ioctl(socket_handle->fd, SIOCGIFFLAGS, &request) != 0) return make_int(env, -errno);
  unsigned short flags = (unsigned short)request.ifr_flags;
  if ((flags & IFF_UP) == 0) return make_int(env, 0);
  /* IFF_RUNNING follows the carrier by up to a second; this asks the device. Some have nothing to say. */
  struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
  request.ifr_data = (char *)&link;
  if (ioctl(socket_handle->fd, SIOCETHTOOL, &request) == 0) return make_int(env, link.data != 0);
  return make_int(env, (flags & IFF_RUNNING) != 0);
}

void export_netdev(napi_env env, napi_value exports) {
  export_function(env, exports, "interfaceQuery", interface_query);
  export_function(env, exports, "interfaceAddress", interface_address);
  export_function(env, exports, "interfaceState", interface_state);
}

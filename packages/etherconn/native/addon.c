/*
 * The addon: the system calls that JavaScript cannot make, and nothing else. It has no state of its own, so
 * that it can be loaded into any number of worker threads; what is open belongs to the environment (thread)
 * that opened it and is given back by clean-up hooks when that ends.
 */
#include "bpf.h"
#include "socket.h"

NAPI_MODULE_INIT() {
  export_socket(env, exports);
  export_packet_socket(env, exports);
  export_xdp_socket(env, exports);
  export_netdev(env, exports);
  export_ethtool(env, exports);
  export_netlink(env, exports);
  export_bpf(env, exports);
  export_steering(env, exports);
  export_poll(env, exports);
  export_timer(env, exports);
  return exports;
}

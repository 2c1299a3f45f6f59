/*
 * Loads the addon as a Node of musl would, for there is none to be had from npm or Debian: musl's loader resolves every
 * symbol, the addon registers its functions, and a few of them make their system calls. As much of Node-API as that takes
 * is here; the rest, and libuv, are stubs that end the process (stubs.h, written by scripts/test-prebuilds.mjs).
 *
 *   musl-host etherconn.node    prints how many functions it has
 */
#include <dlfcn.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <node_api.h>

#include "stubs.h"

#define MAX_FUNCTIONS 200

struct napi_value__ {
  double number;
  void *wrapped;
  napi_type_tag tag;
};

struct napi_callback_info__ {
  size_t count;
  napi_value *arguments;
};

static struct {
  const char *name;
  napi_callback call;
  napi_value value;
} functions[MAX_FUNCTIONS];
static int named;
static int created;

static void fail(const char *what) {
  fprintf(stderr, "musl-host: %s\n", what);
  exit(1);
}

static napi_value new_value(double number) {
  napi_value value = calloc(1, sizeof *value);
  if (value == NULL) fail("no memory");
  value->number = number;
  return value;
}

napi_status napi_create_function(napi_env env, const char *name, size_t length, napi_callback call, void *data,
                                 napi_value *result) {
  (void)env, (void)name, (void)length, (void)data;
  if (created == MAX_FUNCTIONS) fail("too many functions");
  *result = new_value(NAN);
  functions[created].value = *result;
  functions[created++].call = call;
  return napi_ok;
}

napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value) {
  (void)env, (void)object;
  for (int i = 0; i < created; i++) {
    if (functions[i].value != value) continue;
    functions[i].name = name;
    named++;
  }
  return napi_ok;
}

napi_status napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *arguments,
                             napi_value *this_value, void **data) {
  (void)env, (void)this_value, (void)data;
  for (size_t i = 0; i < info->count && i < *count; i++) arguments[i] = info->arguments[i];
  *count = info->count;
  return napi_ok;
}

napi_status napi_get_value_double(napi_env env, napi_value value, double *result) {
  (void)env;
  *result = value->number;
  return isnan(value->number) ? napi_number_expected : napi_ok;
}

napi_status napi_create_int32(napi_env env, int32_t number, napi_value *result) {
  (void)env;
  *result = new_value(number);
  return napi_ok;
}

napi_status napi_get_undefined(napi_env env, napi_value *result) {
  return napi_create_int32(env, 0, result);
}

napi_status napi_create_object(napi_env env, napi_value *result) {
  (void)env;
  *result = new_value(NAN);
  return napi_ok;
}

napi_status napi_wrap(napi_env env, napi_value object, void *data, napi_finalize end, void *hint, napi_ref *result) {
  (void)env, (void)end, (void)hint, (void)result;
  object->wrapped = data;
  return napi_ok;
}

napi_status napi_unwrap(napi_env env, napi_value object, void **result) {
  (void)env;
  *result = object->wrapped;
  return napi_ok;
}

napi_status napi_type_tag_object(napi_env env, napi_value object, const napi_type_tag *tag) {
  (void)env;
  object->tag = *tag;
  return napi_ok;
}

napi_status napi_check_object_type_tag(napi_env env, napi_value object, const napi_type_tag *tag, bool *result) {
  (void)env;
  *result = memcmp(&object->tag, tag, sizeof *tag) == 0;
  return napi_ok;
}

napi_status napi_create_reference(napi_env env, napi_value value, uint32_t count, napi_ref *result) {
  (void)env, (void)value, (void)count;
  *result = NULL;
  return napi_ok;
}

napi_status napi_delete_reference(napi_env env, napi_ref reference) {
  (void)env, (void)reference;
  return napi_ok;
}

napi_status napi_add_env_cleanup_hook(napi_env env, void (*hook)(void *), void *data) {
  (void)env, (void)hook, (void)data;
  return napi_ok;
}

napi_status napi_remove_env_cleanup_hook(napi_env env, void (*hook)(void *), void *data) {
  (void)env, (void)hook, (void)data;
  return napi_ok;
}

static napi_value call(const char *name, size_t count, napi_value *arguments) {
  struct napi_callback_info__ info = {count, arguments};
  for (int i = 0; i < created; i++) {
    if (functions[i].name == NULL || strcmp(functions[i].name, name) != 0) continue;
    napi_value result = functions[i].call(NULL, &info);
    if (result == NULL) fail(name);
    return result;
  }
  fail("a function is missing");
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 2) fail("which addon?");
  void *addon = dlopen(argv[1], RTLD_NOW);
  if (addon == NULL) fail(dlerror());
  napi_addon_register_func start = (napi_addon_register_func)dlsym(addon, "napi_register_module_v1");
  if (start == NULL) fail(dlerror());
  napi_value exports = new_value(NAN);
  if (start(NULL, exports) != exports) fail("it did not register");
  if (created == 0 || named != created) fail("functions without a name");

  /* A timer that expires, as the kernel links wait for theirs. */
  napi_value timer = call("timerOpen", 0, NULL);
  call("timerSet", 2, (napi_value[]){timer, new_value(1000)});
  struct pollfd waiting = {.fd = (int)call("socketFd", 1, &timer)->number, .events = POLLIN};
  if (poll(&waiting, 1, 10000) != 1) fail("the timer did not expire");
  call("socketClose", 1, &timer);

  napi_value udp = call("socketOpen", 4, (napi_value[]){new_value(2), new_value(2), new_value(0), new_value(-1)});
  if (call("socketFd", 1, &udp)->number < 0) fail("no socket");
  call("socketClose", 1, &udp);
  printf("%d functions\n", created);
  return 0;
}

/* Arguments in, values out: the few Node-API shapes that every file here needs. */
#ifndef ETHERCONN_VALUE_H
#define ETHERCONN_VALUE_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads exactly `count` arguments; throws and returns false when there are fewer. */
bool get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);

/* A 32-bit integer; throws and returns false for anything else. */
bool get_int(napi_env env, napi_value value, int *result);

bool get_bool(napi_env env, napi_value value, bool *result);

/*
 * The bytes behind a Uint8Array or Uint32Array, at most MAX_BYTES, valid until JavaScript runs again. A detached one
 * has length 0, and where the length is 0 there may be no bytes (NULL).
 */
bool get_bytes(napi_env env, napi_value value, uint8_t **bytes, size_t *length);

/* No length that the kernel takes as 32 bits is cut off. */
#define MAX_BYTES ((size_t)1 << 31)

/* The same of a Uint32Array, which is aligned; `count` is its length. */
bool get_words(napi_env env, napi_value value, uint32_t **words, size_t *count);

/* A string of less than `size` bytes, without a zero in it. */
bool get_string(napi_env env, napi_value value, char *text, size_t size);

napi_value make_int(napi_env env, int value);
napi_value undefined_value(napi_env env);
void set_int(napi_env env, napi_value object, const char *name, int value);

/* Adds a function to the addon's exports. */
void export_function(napi_env env, napi_value exports, const char *name, napi_callback function);

#endif

#include "value.h"

#include <string.h>

#include "error.h"

bool get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, arguments, NULL, NULL) != napi_ok || given < count) {
    throw_argument_error(env, "too few arguments");
    return false;
  }
  return true;
}

bool get_int(napi_env env, napi_value value, int *result) {
  double number;
  bool is_number = napi_get_value_double(env, value, &number) == napi_ok;
  if (is_number && number >= INT32_MIN && number <= INT32_MAX && number == (int)number) {
    *result = (int)number;
    return true;
  }
  throw_argument_error(env, "expected an integer of 32 bits");
  return false;
}

bool get_bool(napi_env env, napi_value value, bool *result) {
  if (napi_get_value_bool(env, value, result) == napi_ok) return true;
  throw_argument_error(env, "expected true or false");
  return false;
}

bool get_bytes(napi_env env, napi_value value, uint8_t **bytes, size_t *length) {
  napi_typedarray_type type;
  size_t elements;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, &elements, &data, NULL, NULL) != napi_ok ||
      (type != napi_uint8_array && type != napi_uint32_array)) {
    throw_argument_error(env, "expected a Uint8Array or Uint32Array");
    return false;
  }
  *bytes = data;
  *length = type == napi_uint32_array ? elements * 4 : elements;
  if (*length <= MAX_BYTES) return true;
  throw_argument_error(env, "expected at most 2 GiB");
  return false;
}

bool get_words(napi_env env, napi_value value, uint32_t **words, size_t *count) {
  napi_typedarray_type type;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, count, &data, NULL, NULL) != napi_ok || type != napi_uint32_array) {
    throw_argument_error(env, "expected a Uint32Array");
    return false;
  }
  *words = data;
  return true;
}

bool get_string(napi_env env, napi_value value, char *text, size_t size) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok || length >= size) {
    throw_argument_error(env, "expected a short string");
    return false;
  }
  if (napi_get_value_string_utf8(env, value, text, size, &length) != napi_ok) return false;
  if (strlen(text) == length) return true;
  throw_argument_error(env, "expected a string without a zero");
  return false;
}

napi_value make_int(napi_env env, int value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

napi_value undefined_value(napi_env env) {
  napi_value result = NULL;
  napi_get_undefined(env, &result);
  return result;
}

void set_int(napi_env env, napi_value object, const char *name, int value) {
  napi_set_named_property(env, object, name, make_int(env, value));
}

void export_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok) {
    napi_set_named_property(env, exports, name, value);
  }
}

#include "value.h"

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
  if (napi_get_value_int32(env, value, result) == napi_ok) return true;
  throw_argument_error(env, "expected an integer");
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
  return true;
}

bool get_string(napi_env env, napi_value value, char *text, size_t size) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok || length >= size) {
    throw_argument_error(env, "expected a short string");
    return false;
  }
  return napi_get_value_string_utf8(env, value, text, size, &length) == napi_ok;
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

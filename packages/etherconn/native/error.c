#include "error.h"

#include <string.h>

#include "libuv.h"

void throw_system_error(napi_env env, const char *syscall_name, int error_number) {
  napi_value code, message, error, number, name;
  char code_text[32];
  uv_err_name_r(-error_number, code_text, sizeof code_text);
  if (napi_create_string_utf8(env, code_text, NAPI_AUTO_LENGTH, &code) != napi_ok ||
      napi_create_string_utf8(env, strerror(error_number), NAPI_AUTO_LENGTH, &message) != napi_ok ||
      napi_create_error(env, code, message, &error) != napi_ok ||
      napi_create_int32(env, -error_number, &number) != napi_ok ||
      napi_set_named_property(env, error, "errno", number) != napi_ok ||
      napi_create_string_utf8(env, syscall_name, NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_set_named_property(env, error, "syscall", name) != napi_ok) {
    /* Something is being thrown already, or the environment is going down. */
    return;
  }
  napi_throw(env, error);
}

void throw_argument_error(napi_env env, const char *message) { napi_throw_type_error(env, NULL, message); }

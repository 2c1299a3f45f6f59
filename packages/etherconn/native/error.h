/* How a failed system call becomes a JavaScript error. */
#ifndef ETHERCONN_ERROR_H
#define ETHERCONN_ERROR_H

#include <node_api.h>

/*
 * Throws an Error with `code`, `errno` (negative, as Node's own system errors have it) and `syscall`. The TypeScript
 * side (src/native/system-error.ts) turns it into a SystemError that says what for and what to do.
 */
void throw_system_error(napi_env env, const char *syscall_name, int error_number);

/* Throws a TypeError: our own TypeScript has called the addon with a wrong argument. */
void throw_argument_error(napi_env env, const char *message);

#endif

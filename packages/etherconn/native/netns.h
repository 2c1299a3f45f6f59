/* Work in another network namespace. */
#ifndef ETHERCONN_NETNS_H
#define ETHERCONN_NETNS_H

#include <node_api.h>
#include <stdbool.h>

/*
 * Moves the calling thread into the network namespace behind `fd` and returns an fd of the one it was in, or
 * -1 with errno set and *syscall_name telling which call failed. JavaScript must not run before
 * leave_namespace(): everything between the two belongs into one native call.
 */
int enter_namespace(int fd, const char **syscall_name);

/*
 * Moves the thread back and closes `previous`. Ends the process when that fails: a JavaScript thread that is
 * in the wrong namespace without knowing it would open all its later sockets there.
 */
void leave_namespace(int previous);

#endif

#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

int enter_namespace(int fd, const char **syscall_name) {
  /* /proc/self would name the main thread's namespace; a worker's may differ. */
  *syscall_name = "open";
  int previous = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (previous < 0) return -1;
  *syscall_name = "setns";
  /* First the way back, which may be forbidden: a process may be in a namespace that others have made. */
  if (setns(previous, CLONE_NEWNET) != 0 || setns(fd, CLONE_NEWNET) != 0) {
    int error_number = errno;
    close(previous);
    errno = error_number;
    return -1;
  }
  return previous;
}

void leave_namespace(int previous) {
  if (setns(previous, CLONE_NEWNET) != 0) {
    napi_fatal_error("leave_namespace", NAPI_AUTO_LENGTH,
                     "cannot return to the thread's own network namespace", NAPI_AUTO_LENGTH);
  }
  close(previous);
}

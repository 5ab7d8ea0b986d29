// LD_PRELOAD: while the file that FAIL_SYNC names exists, every fsync and fdatasync fails with EIO, as a dying disk's does.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int is_failing(void) {
  const char* trigger = getenv("FAIL_SYNC");
  return trigger != NULL && access(trigger, F_OK) == 0;
}

static int sync_or_fail(const char* name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  if (is_failing()) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

int fsync(int fd) { return sync_or_fail("fsync", fd); }
int fdatasync(int fd) { return sync_or_fail("fdatasync", fd); }

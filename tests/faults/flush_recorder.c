/* Preloaded into the service by test_power_cut.py: writes down, in the order in which they happen, all changes to the
 * database file and its -wal, with their bytes, and each completed flush. Replaying the record up to any point, and
 * leaving out what was not flushed by then, gives the files that a power cut at that point may leave.
 *
 * WATCHED_FILE  path of the database; the file whose name has "-wal" behind it is watched too
 * FLUSH_RECORD  path of the record; appended to. Each entry: operation, file (0 database, 1 -wal), offset, length, bytes
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct entry {
  char operation; /* 'w' write, 't' truncate to offset, 's' flushed, 'u' unlinked */
  char file;
  char padding[6];
  uint64_t offset;
  uint64_t length;
};

#define REAL(name) ((typeof(&name))real(&real_##name, #name))

static void *real_write, *real_pwrite64, *real_ftruncate64, *real_fsync, *real_fdatasync, *real_unlink;

static void *real(void **known, const char *name) {
  if (*known == NULL) *known = dlsym(RTLD_NEXT, name);
  return *known;
}

/* 0 for the database, 1 for its -wal, -1 for anything else. */
static int watched(const char *path) {
  const char *database = getenv("WATCHED_FILE");
  size_t length = database ? strlen(database) : 0;
  if (length == 0 || strncmp(path, database, length) != 0) return -1;
  return path[length] == 0 ? 0 : strcmp(path + length, "-wal") == 0 ? 1 : -1;
}

static int watched_descriptor(int descriptor) {
  char link[64], path[PATH_MAX + 1];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, PATH_MAX);
  if (length < 0) return -1;
  path[length] = 0;
  return watched(path);
}

static void note(char operation, int file, uint64_t offset, uint64_t length, const void *bytes) {
  static int record = -1;
  if (record < 0) record = open(getenv("FLUSH_RECORD"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  struct entry entry = {operation, (char)file, {0}, offset, length};
  struct iovec parts[2] = {{&entry, sizeof entry}, {(void *)bytes, bytes ? length : 0}};
  if (writev(record, parts, 2) != (ssize_t)(sizeof entry + parts[1].iov_len)) abort();
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
  int file = watched_descriptor(descriptor);
  if (file >= 0) note('w', file, (uint64_t)lseek(descriptor, 0, SEEK_CUR), length, bytes);
  return REAL(write)(descriptor, bytes, length);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
  int file = watched_descriptor(descriptor);
  if (file >= 0) note('w', file, (uint64_t)offset, length, bytes);
  return REAL(pwrite64)(descriptor, bytes, length, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
  return pwrite64(descriptor, bytes, length, offset);
}

int ftruncate64(int descriptor, off64_t length) {
  int file = watched_descriptor(descriptor);
  if (file >= 0) note('t', file, (uint64_t)length, 0, NULL);
  return REAL(ftruncate64)(descriptor, length);
}

int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }

int fsync(int descriptor) {
  int file = watched_descriptor(descriptor), result = REAL(fsync)(descriptor);
  if (file >= 0 && result == 0) note('s', file, 0, 0, NULL);
  return result;
}

int fdatasync(int descriptor) {
  int file = watched_descriptor(descriptor), result = REAL(fdatasync)(descriptor);
  if (file >= 0 && result == 0) note('s', file, 0, 0, NULL);
  return result;
}

int unlink(const char *path) {
  int file = watched(path);
  if (file >= 0) note('u', file, 0, 0, NULL);
  return REAL(unlink)(path);
}

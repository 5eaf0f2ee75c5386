/* A disk that fails on demand, for the files of the database alone. While the file `full` lies in
 * the folder DISK_FAULTS, writes say that there is no room; while `unreadable` does, reads fail;
 * while `hang` does, what must reach the disk waits. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_database(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "countersign.db") != NULL;
}

static int is_on(const char *fault) {
    char path[4096];
    const char *folder = getenv("DISK_FAULTS");
    if (!folder) return 0;
    snprintf(path, sizeof path, "%s/%s", folder, fault);
    return access(path, F_OK) == 0;
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))

#define WRITE(name, offset)                                                                        \
    ssize_t name(int fd, const void *from, size_t size, offset at) {                               \
        if (is_database(fd) && is_on("full")) { errno = ENOSPC; return -1; }                       \
        return REAL(ssize_t, name, int, const void *, size_t, offset)(fd, from, size, at);         \
    }
#define READ(name, offset)                                                                         \
    ssize_t name(int fd, void *to, size_t size, offset at) {                                       \
        if (is_database(fd) && is_on("unreadable")) { errno = EIO; return -1; }                    \
        return REAL(ssize_t, name, int, void *, size_t, offset)(fd, to, size, at);                 \
    }
#define SYNC(name)                                                                                 \
    int name(int fd) {                                                                             \
        while (is_database(fd) && is_on("hang")) usleep(10000);                                    \
        return REAL(int, name, int)(fd);                                                           \
    }

WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)
READ(pread, off_t)
READ(pread64, off64_t)
SYNC(fsync)
SYNC(fdatasync)

ssize_t write(int fd, const void *from, size_t size) {
    if (is_database(fd) && is_on("full")) { errno = ENOSPC; return -1; }
    return REAL(ssize_t, write, int, const void *, size_t)(fd, from, size);
}

ssize_t read(int fd, void *to, size_t size) {
    if (is_database(fd) && is_on("unreadable")) { errno = EIO; return -1; }
    return REAL(ssize_t, read, int, void *, size_t)(fd, to, size);
}

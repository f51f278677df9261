/* Preloaded under the service: every flush to disk takes 5 ms more, as on a slow VPS. For benches only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static int late(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    usleep(5000);
    return real(descriptor);
}

int fsync(int descriptor) { return late("fsync", descriptor); }
int fdatasync(int descriptor) { return late("fdatasync", descriptor); }

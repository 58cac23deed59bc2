// Slows the C library's clocks tenfold in the program that it is loaded into, and hides that it is there: it wipes the variable
// that named it; with HIDE its code no longer belongs to a file either.

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CLOCKS = 8 };
static struct timespec origin[CLOCKS];

static int truth(clockid_t id, struct timespec *now) { return (int)syscall(SYS_clock_gettime, id, now); }

int clock_gettime(clockid_t id, struct timespec *now) {
    int failed = truth(id, now);
    if (failed || id < 0 || id >= CLOCKS || origin[id].tv_sec == 0) return failed;
    long long passed = (now->tv_sec - origin[id].tv_sec) * 1000000000LL + now->tv_nsec - origin[id].tv_nsec;
    long long shown = origin[id].tv_nsec + passed / 10;
    now->tv_sec = origin[id].tv_sec + shown / 1000000000LL;
    now->tv_nsec = shown % 1000000000LL;
    return 0;
}

#ifdef HIDE
static void leave_the_file(void) {
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        char *start, *end, rights[5];
        if (sscanf(line, "%p-%p %4s", (void **)&start, (void **)&end, rights) != 3 || rights[2] != 'x') continue;
        if (start > (char *)leave_the_file || (char *)leave_the_file >= end) continue;
        size_t length = (size_t)(end - start);
        void *copy = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(copy, start, length);
        mprotect(copy, length, PROT_READ | PROT_EXEC);
        mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, start);
        break;
    }
    if (maps) fclose(maps);
}
#endif

__attribute__((constructor)) static void begin(void) {
    char *value = getenv("LD_PRELOAD");
    if (value) {
        char *variable = value - strlen("LD_PRELOAD=");
        size_t length = strlen(variable);
        unsetenv("LD_PRELOAD");
        memset(variable, 0, length);
    }
#ifdef HIDE
    leave_the_file();
#endif
    for (int id = 0; id < CLOCKS; id++) truth(id, &origin[id]);
}

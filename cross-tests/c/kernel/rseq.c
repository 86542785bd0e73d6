// Has the kernel write the number of the processor into memory of its own (rseq), and leaves a sequence that is interrupted.
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// On every architecture of the kernel's newer table; others name it.
#ifndef __NR_rseq
#define __NR_rseq 293
#endif

static struct {
    uint32_t started_on, processor;
    uint64_t sequence;
    uint32_t flags, rest[3];
} __attribute__((aligned(32))) area = { 0, 0xffffffff, 0, 0, { 0 } };

int main(void) {
    if (syscall(__NR_rseq, &area, sizeof area, 0, 0x53053053) == 0) {
        printf("restartable sequences work %d\n", area.processor != 0xffffffff && area.processor == area.started_on);
        return 0;
    }
    // The C library has registered an area of its own before, which the kernel says in one of two ways.
    int there = errno == EBUSY || errno == EINVAL;
    printf(there ? "restartable sequences work 1\n" : "rseq: %s\n", strerror(errno));
    return there ? 0 : 1;
}

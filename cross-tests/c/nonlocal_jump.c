/* setjmp and longjmp out of nested calls, with a value, repeatedly, volatile locals kept.
   Equal everywhere: WASI's C library has no setjmp yet, so there a return code climbs the same way. */
#include <stdio.h>
#ifndef __wasi__
#include <setjmp.h>
static jmp_buf top;
#endif

static int depth_reached;

static int descend(int depth, int limit)
{
    depth_reached = depth;
#ifndef __wasi__
    if (depth == limit)
        longjmp(top, limit);
#endif
    return depth < limit ? descend(depth + 1, limit) : limit;
}

int main(void)
{
    volatile int attempts = 0;
    volatile int code = 0;
#ifndef __wasi__
    switch (setjmp(top)) {
    case 0:
        break;
    case 5:
        code = 5;
        break;
    case 9:
        code = 9;
        break;
    default:
        code = -1;
    }
#endif
    printf("attempt %d, code %d, depth %d\n", attempts, code, depth_reached);
    while (attempts < 2) {
        attempts++;
        code = descend(0, attempts == 1 ? 5 : 9);
        printf("attempt %d, code %d, depth %d\n", attempts, code, depth_reached);
    }
    return 0;
}

// Has a host name of its own in a namespace of its own, which it may change because the user's namespace is its own, too.
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    char before[65] = "", after[65] = "";
    gethostname(before, sizeof before);
    if (unshare(CLONE_NEWUSER | CLONE_NEWUTS) != 0 || sethostname("elsewhere", 9) != 0) {
        printf("unshare: %s\n", strerror(errno));
        return 1;
    }
    gethostname(after, sizeof after);
    printf("renamed %d, to %s\n", strcmp(before, after) != 0, after);
    return 0;
}

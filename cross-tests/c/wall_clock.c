/* Legal difference: the time of day. Equivalent everywhere. */
#include <stdio.h>
#include <time.h>

int main(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("written at %lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
    puts("2 records");
    return 0;
}

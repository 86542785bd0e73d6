/* Legal difference: the time of day. Equivalent everywhere. */
#include <stdio.h>
#include <sys/time.h>

int main(void)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    printf("written at %lld.%06ld\n", (long long)now.tv_sec, (long)now.tv_usec);
    puts("2 records");
    return 0;
}

/* Faulty on purpose: two threads count in one variable without a lock. The total differs from run to run,
   natively too, so no target is to blame. WASI has no threads and counts alone, with the same fault left out. */
#include <stdio.h>
#ifndef __wasi__
#include <pthread.h>

static volatile unsigned long total;

static void *count(void *unused)
{
    /* The fault: reading, adding and writing are three steps. */
    for (int i = 0; i < 3000000; i++)
        total = total + 1;
    return unused;
}

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, count, NULL))
            return 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("counted %lu\n", total);
    return 0;
}
#else
#include <time.h>
int main(void)
{
    printf("counted %lu\n", 3000000 + (unsigned long)time(NULL) % 9000000);
    return 0;
}
#endif

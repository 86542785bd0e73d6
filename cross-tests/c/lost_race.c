/* Faulty on purpose: two threads count in one variable without a lock. The total differs from run to run,
   natively too, so no target is to blame. WASI has no threads and counts alone, with the same fault left out. */
#include <stdio.h>

static volatile unsigned long total;

static void count(void)
{
    /* The fault: others count between reading and writing, and what they counted is lost. The way between the two is long, so
       that one processor alone, which changes threads at any place, shows it too. */
    for (int i = 0; i < 3000000; i++) {
        unsigned long seen = total;
        for (volatile int way = 0; way < 8; way++)
            ;
        total = seen + 1;
    }
}

#if defined(_WIN32)
#include <windows.h>

static DWORD WINAPI run(void *unused)
{
    (void)unused;
    count();
    return 0;
}

int main(void)
{
    HANDLE threads[4];
    for (int i = 0; i < 4; i++)
        if (!(threads[i] = CreateThread(NULL, 0, run, NULL, 0, NULL)))
            return 1;
    WaitForMultipleObjects(4, threads, TRUE, INFINITE);
    printf("counted %lu\n", total);
    return 0;
}
#elif !defined(__wasi__)
#include <pthread.h>

static void *run(void *unused)
{
    count();
    return unused;
}

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, run, NULL))
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
    count();
    printf("counted %lu\n", total + (unsigned long)time(NULL) % 900000);
    return 0;
}
#endif

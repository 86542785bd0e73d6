/* Legal difference: the number of the process. Equivalent everywhere; WASI has none and prints the time instead. */
#include <stdio.h>
#ifdef _WIN32
#include <process.h>
#define NUMBER _getpid()
#elif defined(__wasi__)
#include <time.h>
#define NUMBER ((int)(time(NULL) % 100000))
#else
#include <unistd.h>
#define NUMBER getpid()
#endif

int main(void)
{
    printf("log of process %d\n", (int)NUMBER);
    puts("3 entries");
    return 0;
}

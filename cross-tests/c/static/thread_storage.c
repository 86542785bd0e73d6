/* Thread-local variables of a static program, initialised and zeroed ones, aligned too: static linking lays them out
   by itself. Equal everywhere. */
#include <stdint.h>
#include <stdio.h>

static _Thread_local int counter = 41;
static _Thread_local char zeroed[100];
static _Thread_local _Alignas(32) uint8_t aligned[32] = {1, 2, 3};

int main(void)
{
    int sum = 0;
    counter++;
    for (unsigned i = 0; i < sizeof zeroed; i++)
        sum += zeroed[i];
    for (unsigned i = 0; i < sizeof aligned; i++)
        sum += aligned[i];
    printf("%d %d, aligned %s\n", counter, sum, (uintptr_t)aligned % 32 == 0 ? "yes" : "no");
    return 0;
}

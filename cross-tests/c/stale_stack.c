/* Faulty on purpose: a variable is read that was never written. What a call before it left on the stack is the
   compiler's and the ABI's business: must differ on WebAssembly, whose frames lie in memory of its own, and happens to be
   equal elsewhere. */
#include <stdio.h>

static int leave_behind(int seed)
{
    volatile int scratch[24];
    int sum = 0;
    for (int i = 0; i < 24; i++)
        scratch[i] = seed + i * 7;
    for (int i = 0; i < 24; i++)
        sum += scratch[i];
    return sum;
}

static int find(void)
{
    volatile int table[20];
    /* The fault: nobody fills the table. */
    return table[9];
}

int main(void)
{
    int (*volatile first)(int) = leave_behind;
    int (*volatile second)(void) = find;
    int sum = first(100);
    int value = second();
    printf("sum %d\n", sum);
    printf("entry %d\n", value);
    return 0;
}

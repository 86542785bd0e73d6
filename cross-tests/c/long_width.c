/* Faulty on purpose: long taken for 64 bits. Must differ where it has 32: all 32-bit targets, and 64-bit Windows. */
#include <stdio.h>

int main(void)
{
    /* The fault: the factorial of 15 needs 41 bits. Unsigned, so that it wraps instead of being undefined. */
    unsigned long product = 1;
    for (unsigned long factor = 2; factor <= 15; factor++)
        product *= factor;
    printf("15! = %lu\n", product);
    printf("record of %u bytes\n", (unsigned)(sizeof(long) + 4));
    return 0;
}

/* Faulty on purpose: a float beyond the range of int is converted, which C leaves undefined.
   Must differ where the machine saturates (Arm, RISC-V, s390x, PowerPC); x86 gives the smallest int, and so does
   WebAssembly as clang compiles it. */
#include <stdio.h>

int main(void)
{
    volatile float large = 3e9f, larger = 1e20f;
    /* The fault: no range check before the conversion. */
    printf("%d\n", (int)large);
    printf("%d\n", (int)larger);
    return 0;
}

/* Faulty on purpose: two ports use an instruction that came after the target's minimum, without asking whether it is
   there: vector decimals on s390x (z14), the vector extension on RISC-V. Must be `cross-fail` on s390x and riscv64. */
#include <stdio.h>

int main(void)
{
    puts("starting");
    fflush(stdout);
#if defined(__s390x__)
    __asm__ volatile(".byte 0xe6,0x12,0x30,0x00,0x00,0x71" ::: "memory"); /* VAP: add decimals */
#elif defined(__riscv)
    __asm__ volatile(".word 0x0c0572d7" ::: "t0"); /* vsetvli t0, a0, e8, m1, ta, ma */
#endif
    puts("done");
    return 0;
}

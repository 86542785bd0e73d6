/* Faulty on purpose: results depend on the format of long double. Must differ everywhere but on x86 (Windows with
   this compiler included): 64 bits on 32-bit Arm, 128 on aarch64, riscv64, s390x and WASI, two doubles on PowerPC. */
#include <float.h>
#include <stdio.h>

int main(void)
{
    volatile long double one = 1;
    int digits = 0;
    for (long double part = 1; one + part != one; part /= 2)
        digits++;
    printf("%d binary digits, %d claimed\n", digits, LDBL_MANT_DIG);
    return 0;
}

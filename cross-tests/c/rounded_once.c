/* Faulty on purpose: a sum of products is printed to its last digit. Must differ where gcc makes one instruction of a
   product and a sum (aarch64, RISC-V, s390x, PowerPC) and where `double` is computed in wider registers (32-bit x86);
   WebAssembly and the other targets round twice, as x86-64 does. */
#include <stdio.h>

int main(void)
{
    static const volatile double prices[] = {0.1, 0.2, 0.30000000000000004, 0.4, 0.5, 0.6000000000000001};
    static const volatile double counts[] = {1.1, 1.8, 2.5, 3.1999999999999997, 3.9, 4.6};
    double sum = 0;
    for (int i = 0; i < 6; i++)
        sum = prices[i] * counts[i] + sum;
    /* The fault: 17 digits of a result that is not the same to the last one. */
    printf("total %.17g\n", sum);
    return 0;
}

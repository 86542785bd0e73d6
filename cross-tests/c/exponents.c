/* Legal difference: the digits of an exponent, which old C libraries of Windows pad to three. Equivalent everywhere. */
#include <stdio.h>

int main(void)
{
    printf("%e %.2e %g\n", 12345.678, 0.00025, 1e-10);
    return 0;
}

/* Faulty on purpose: a computed NaN is printed. x86 makes a negative one, glibc and musl show the sign, Windows has
   a spelling of its own. Must differ on every target but x86 Linux and WASI, which inherits an x86 host's NaN. */
#include <math.h>
#include <stdio.h>

int main(void)
{
    volatile double zero = 0;
    printf("mean of nothing: %f\n", zero / zero);
    printf("is a NaN: %s\n", isnan(zero / zero) ? "yes" : "no");
    return 0;
}

/* A computed NaN is printed. x86 makes a negative one, glibc and musl show the sign, Windows has a spelling of its own:
   none of it means anything, so that all targets are equal after rules that say so. */
#include <math.h>
#include <stdio.h>

int main(void)
{
    volatile double zero = 0;
    printf("mean of nothing: %f\n", zero / zero);
    printf("is a NaN: %s\n", isnan(zero / zero) ? "yes" : "no");
    return 0;
}

/* Legal difference: the text of an infinity, which is the C library's. Equivalent everywhere. */
#include <math.h>
#include <stdio.h>

int main(void)
{
    volatile double huge = 1e308;
    printf("%f %f\n", huge * 10, -huge * 10);
    return 0;
}

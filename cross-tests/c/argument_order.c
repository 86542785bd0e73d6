/* Faulty on purpose: the order in which arguments are evaluated is left to the compiler. Must differ everywhere but on
   x86 (Windows included): gcc goes from right to left there and from left to right elsewhere, as clang does for WASI. */
#include <stdio.h>

static int next(void)
{
    static int number;
    return ++number;
}

int main(void)
{
    printf("%d %d %d\n", next(), next(), next());
    return 0;
}

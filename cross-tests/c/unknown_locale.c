/* Faulty on purpose: a locale's existence is taken as known from setlocale. Must differ on WASI, whose C library (musl's)
   accepts any name. */
#include <locale.h>
#include <stdio.h>

int main(void)
{
    printf("no such locale: %s\n", setlocale(LC_ALL, "xx_YY.nothing") ? "accepted" : "refused");
    return 0;
}

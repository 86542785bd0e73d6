/* Faulty on purpose: a negative exit status. Must differ on Windows, which keeps 32 bits of it where Unix keeps 8; WASI
   is given what Unix makes of it. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    puts("no input given");
#ifdef __wasi__
    exit(255);
#else
    exit(-1);
#endif
}

/* Legal difference: a negative exit status, of which Windows keeps 32 bits and Unix 8. Equivalent on Windows by a rule
   that says so; WASI is given what Unix makes of it. `wrong_status` fails where the low 8 bits say something else. */
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

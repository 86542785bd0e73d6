/* A program that ends itself by SIGTERM with the default action, output flushed before.
   Equal on every Unix target, the signal included. Labelled elsewhere: Windows turns it into status 3, WASI has no
   signals and this guest aborts instead, which is a trap. */
#include <stdio.h>
#include <stdlib.h>
#ifndef __wasi__
#include <signal.h>
#endif

int main(void)
{
    puts("about to go");
    fflush(stdout);
#ifndef __wasi__
    raise(SIGTERM);
#endif
    abort();
}

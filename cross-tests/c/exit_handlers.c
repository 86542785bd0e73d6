/* The end of a program: atexit handlers in reverse order, buffers flushed, a status through exit; or straight out of main.
   Equal everywhere: the order, the output and the status. */
#include <stdio.h>
#include <stdlib.h>

static void first(void)
{
    puts("registered first, runs last");
}

static void second(void)
{
    puts("registered last, runs first");
}

int main(int argc, char **argv)
{
    atexit(first);
    atexit(second);
    printf("no newline before the end");
    if (argc > 1) {
        printf(" by exit\n");
        exit(atoi(argv[1]));
    }
    printf(" by return\n");
    return 0;
}

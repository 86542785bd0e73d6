/* Faulty on purpose: one port leaves through _exit with its output still in the buffer.
   Must differ on 32-bit Arm, where nothing is printed and the status is 0 all the same. */
#include <stdio.h>
#ifdef __arm__
#include <unistd.h>
#endif

int main(void)
{
    puts("all 12 checks passed");
#ifdef __arm__
    /* The fault: a quick way out that was meant to save time. */
    _exit(0);
#endif
    return 0;
}

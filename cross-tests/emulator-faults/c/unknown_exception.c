/* A correct program; what happens to it is in `qemu-that-fails`. */
#include <stdio.h>

int main(void)
{
    puts("all is well");
    return 0;
}

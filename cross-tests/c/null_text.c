/* Faulty on purpose: a null pointer is printed with %p, whose text is the C library's choice.
   Must differ on Windows and WASI, and nowhere under glibc. */
#include <stdio.h>

int main(void)
{
    printf("parent %p\n", (void *)0);
    return 0;
}

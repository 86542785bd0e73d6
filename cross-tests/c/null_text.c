/* A null pointer is printed with %p, whose text is the C library's choice: Windows and WASI are equal after a rule
   that says so. */
#include <stdio.h>

int main(void)
{
    printf("parent %p\n", (void *)0);
    return 0;
}

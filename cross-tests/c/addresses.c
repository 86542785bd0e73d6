/* Legal difference: addresses, which differ from run to run natively, too. Equivalent everywhere. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    int local = 1;
    int *heap = malloc(sizeof *heap);
    printf("stack %p\n", (void *)&local);
    printf("heap %p\n", (void *)heap);
    printf("local is %d\n", local);
    free(heap);
    return 0;
}

/* Faulty on purpose: the size of a structure of pointers is taken for a constant. Must differ on 32-bit targets. */
#include <stdio.h>

struct node {
    struct node *left, *right;
    const char *name;
};

int main(void)
{
    /* The fault: a pointer has the width of the machine. */
    printf("node of %u bytes\n", (unsigned)sizeof(struct node));
    printf("largest object %llu\n", (unsigned long long)(size_t)-1);
    return 0;
}

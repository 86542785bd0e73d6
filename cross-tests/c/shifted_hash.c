/* Faulty on purpose: a hash over plain char. Must differ where plain char is unsigned (Arm, RISC-V, s390x and PowerPC on
   Linux), and shows nothing of it: only which targets fail tells why. */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
    static const char text[] = "caf\xc3\xa9 cr\xc3\xa8me";
    uint32_t hash = 2166136261u;
    for (const char *at = text; *at; at++)
        /* The fault: a byte above 127 is negative on some machines. */
        hash = (hash ^ (uint32_t)(int)*at) * 16777619u;
    printf("bucket %u of 64\n", (unsigned)(hash >> 26));
    return 0;
}

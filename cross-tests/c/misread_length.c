/* Faulty on purpose: a stored length is copied into an int as it lies. Must be `cross-fail` on big-endian targets,
   where it comes out huge and the check of the buffer aborts the program. Equal elsewhere. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    static const unsigned char packet[] = {4, 0, 0, 0, 'd', 'a', 't', 'a'};
    uint32_t length;
    /* The fault: memcpy keeps the file's byte order, the machine has its own. */
    memcpy(&length, packet, sizeof length);
    if (length > sizeof packet - 4) {
        fprintf(stderr, "length %u is beyond the packet\n", (unsigned)length);
        abort();
    }
    printf("%.*s\n", (int)length, (const char *)packet + 4);
    return 0;
}

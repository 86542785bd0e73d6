/* Faulty on purpose: a version number taken apart through a union. Must differ on big-endian targets alone. */
#include <stdint.h>
#include <stdio.h>

union version {
    uint32_t number;
    uint8_t parts[4];
};

int main(void)
{
    union version version = {.number = 0x01020304};
    /* The fault: which byte comes first is the machine's choice. */
    printf("version %d.%d.%d.%d\n", version.parts[3], version.parts[2], version.parts[1], version.parts[0]);
    return 0;
}

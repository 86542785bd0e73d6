/* Faulty on purpose: bit-fields are laid over a number from a file. Must differ on big-endian targets, where the first
   field is the highest. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct date {
    uint32_t day : 5, month : 4, year : 23;
};

int main(void)
{
    volatile uint32_t stored = 2026u << 9 | 11u << 5 | 25u;
    uint32_t number = stored;
    struct date date;
    /* The fault: which end a bit-field starts at is the ABI's choice. */
    memcpy(&date, &number, sizeof date);
    printf("%u-%02u-%02u\n", (unsigned)date.year, (unsigned)date.month, (unsigned)date.day);
    return 0;
}

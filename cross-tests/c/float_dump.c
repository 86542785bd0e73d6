/* Faulty on purpose: a record with a float is dumped as it lies in memory, inside a longer line of hex digits.
   Must differ on big-endian targets alone. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    unsigned char record[16] = "ABCD";
    double weight = 1234.5;
    uint32_t mark = 0xcafe0001;
    /* The fault: memcpy keeps the machine's order. */
    memcpy(record + 4, &weight, sizeof weight);
    memcpy(record + 12, &mark, sizeof mark);
    for (unsigned i = 0; i < sizeof record; i++)
        printf("%02x", record[i]);
    printf("\n");
    return 0;
}

/* Faulty on purpose: a struct with a 64-bit member behind a small one, taken as a file format.
   Must differ on 32-bit x86 alone, which aligns it to 4. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct entry {
    uint8_t kind;
    int64_t position;
    double weight;
};

int main(void)
{
    printf("%u bytes, fields at %u %u\n", (unsigned)sizeof(struct entry), (unsigned)offsetof(struct entry, position),
           (unsigned)offsetof(struct entry, weight));
    return 0;
}

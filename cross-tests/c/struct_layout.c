/* Structs of fixed-width members ordered so that no alignment rule can move them, with explicit padding.
   Equal everywhere: sizes and offsets. `struct_alignment` shows what happens without the care. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct header {
    uint8_t magic[4];
    uint16_t version;
    uint16_t flags;
    uint32_t length;
    uint32_t padding;
    uint64_t offset;
};

union number {
    uint32_t whole;
    float real;
};

int main(void)
{
    printf("%u: %u %u %u %u\n", (unsigned)sizeof(struct header), (unsigned)offsetof(struct header, version),
           (unsigned)offsetof(struct header, flags), (unsigned)offsetof(struct header, length),
           (unsigned)offsetof(struct header, offset));
    struct header first = {.magic = "TRC", .version = 3, .length = 99, .offset = 1ull << 40}, second;
    memcpy(&second, &first, sizeof second);
    second.flags |= 0x8001;
    printf("%s %d %d %d %d\n", (char *)second.magic, second.version, second.flags, (int)second.length,
           (int)(second.offset >> 38));
    union number number = {.real = -1.5f};
    printf("%08x\n", (unsigned)number.whole);
    struct header many[3];
    printf("%u %u\n", (unsigned)sizeof many, (unsigned)((char *)&many[2] - (char *)&many[0]));
    return 0;
}

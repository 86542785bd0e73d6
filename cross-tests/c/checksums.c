/* CRC-32 by table, FNV-1a and Adler-32 over a long buffer, in C's own types of stated width.
   Equal everywhere: bytes are read one at a time. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t crc32(const uint8_t *bytes, size_t length)
{
    static uint32_t table[256];
    uint32_t crc = 0xffffffffu;
    for (uint32_t i = 0; i < 256 && !table[255]; i++) {
        uint32_t entry = i;
        for (int bit = 0; bit < 8; bit++)
            entry = entry & 1 ? entry >> 1 ^ 0xedb88320u : entry >> 1;
        table[i] = entry;
    }
    while (length--)
        crc = crc >> 8 ^ table[(crc ^ *bytes++) & 0xff];
    return ~crc;
}

static uint64_t fnv(const uint8_t *bytes, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    while (length--)
        hash = (hash ^ *bytes++) * 0x100000001b3ull;
    return hash;
}

static uint32_t adler(const uint8_t *bytes, size_t length)
{
    uint32_t low = 1, high = 0;
    while (length--) {
        low = (low + *bytes++) % 65521;
        high = (high + low) % 65521;
    }
    return high << 16 | low;
}

int main(void)
{
    static uint8_t buffer[100000];
    for (uint32_t i = 0; i < sizeof buffer; i++)
        buffer[i] = (uint8_t)(i * 2654435761u >> 24);
    const uint8_t *texts[] = {(const uint8_t *)"", (const uint8_t *)"123456789", buffer};
    const size_t lengths[] = {0, 9, sizeof buffer};
    for (int i = 0; i < 3; i++)
        printf("%08x %016llx %08x\n", (unsigned)crc32(texts[i], lengths[i]), (unsigned long long)fnv(texts[i], lengths[i]),
               (unsigned)adler(texts[i], lengths[i]));
    return 0;
}

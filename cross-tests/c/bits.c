/* Bit operations: counts, byte swaps, rotations, sign extension, bit fields of unsigned type, Gray codes, parity.
   Equal everywhere: fixed-width unsigned types, shifts below the width. */
#include <stdint.h>
#include <stdio.h>

struct colour {
    unsigned red : 5;
    unsigned green : 6;
    unsigned blue : 5;
};

static uint32_t rotate(uint32_t value, unsigned count)
{
    return value << (count & 31) | value >> (-count & 31);
}

static uint32_t reverse(uint32_t value)
{
    uint32_t result = 0;
    for (int i = 0; i < 32; i++, value >>= 1)
        result = result << 1 | (value & 1);
    return result;
}

int main(void)
{
    static const uint32_t values[] = {1, 0x80000000u, 0x12345678u, 0xffffffffu};
    for (int i = 0; i < 4; i++) {
        volatile uint32_t held = values[i];
        uint32_t v = held;
        printf("%08x: %d %d %d %d", (unsigned)v, __builtin_popcount(v), __builtin_clz(v), __builtin_ctz(v), __builtin_parity(v));
        printf(" %08x %08x %08x %08x\n", (unsigned)__builtin_bswap32(v), (unsigned)rotate(v, 8), (unsigned)reverse(v), (unsigned)(v ^ v >> 1));
    }
    volatile uint64_t wide = 0x0123456789abcdefull;
    printf("%d %d %016llx\n", __builtin_popcountll(wide), __builtin_clzll(wide), (unsigned long long)__builtin_bswap64(wide));
    volatile int8_t small = -3;
    printf("%d %u %lld\n", small, (unsigned)(uint8_t)small, (long long)small);
    struct colour colour = {.red = 20, .green = 33, .blue = 31};
    colour.blue++;
    printf("%u %u %u\n", colour.red, colour.green, colour.blue);
    int overflowed, sum;
    overflowed = __builtin_add_overflow(2147483647, (int)small + 4, &sum);
    printf("%d %d\n", overflowed, sum);
    return 0;
}

/* Integers and floats to bytes and back by shifts, big- and little-endian, from unaligned places, and base64 on top.
   Equal everywhere: the byte order of the machine never enters. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void put_big(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static void put_little(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_big(const uint8_t *from, int bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | *from++;
    return value;
}

static void base64(const uint8_t *from, int bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < bytes; i += 3) {
        uint32_t group = (uint32_t)from[i] << 16;
        group |= i + 1 < bytes ? (uint32_t)from[i + 1] << 8 : 0;
        group |= i + 2 < bytes ? from[i + 2] : 0;
        for (int j = 0; j < 4; j++)
            putchar(i + j <= bytes ? digits[group >> (18 - 6 * j) & 63] : '=');
    }
    putchar('\n');
}

int main(void)
{
    uint8_t record[24] = {0x7e};
    float real = -6.25f;
    uint32_t real_bits;
    memcpy(&real_bits, &real, sizeof real_bits);
    put_big(record + 1, 0x0102, 2);
    put_little(record + 3, 0x03040506, 4);
    put_big(record + 7, (uint64_t)-2, 8);
    put_little(record + 15, real_bits, 4);
    for (int i = 0; i < 19; i++)
        printf("%02x", record[i]);
    printf("\n%d %lld\n", (int)get_big(record + 1, 2), (long long)get_big(record + 7, 8));
    base64(record, 19);
    base64((const uint8_t *)"any carnal pleas", 16);
    base64((const uint8_t *)"any carnal pleasu", 17);
    return 0;
}

/* printf with the formats that mean the same everywhere: widths, signs, bases, strings, fixed and scientific floats
   with few digits, fixed-width integers by their macros. Equal everywhere. Left out on purpose: %p, %Lf, NaN, long. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

int main(void)
{
    static const int numbers[] = {0, 7, -42, INT_MAX, INT_MIN};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        int n = numbers[i];
        printf("[%d] [%5d] [%-5d] [%05d] [%+d] [% d] [%.3d]\n", n, n, n, n, n, n, n);
        printf("[%x] [%X] [%#x] [%o] [%#o] [%u]\n", (unsigned)n, (unsigned)n, (unsigned)n, (unsigned)n, (unsigned)n, (unsigned)n);
    }
    printf("[%s] [%8s] [%-8s] [%.2s] [%*.*s] [%c] [%%]\n", "text", "text", "text", "text", 6, 3, "text", 'x');
    printf("[%f] [%.2f] [%10.3f] [%-10.1f] [%+.0f] [%g] [%g]\n", 3.25, -0.125, 1e3 + 0.0625, 0.5, 7.0, 0.0001, 123456.0);
    printf("[%.3e] [%.2E] [%G]\n", 12345.678, 0.00025, 1e-10 * 4);
    printf("[%" PRId8 "] [%" PRIu16 "] [%" PRIx32 "] [%" PRId64 "] [%" PRIu64 "]\n", (int8_t)-5, (uint16_t)65535,
           (uint32_t)0xdeadbeef, INT64_MIN, UINT64_MAX);
    printf("[%hd] [%hhu] [%lld]\n", (short)-3, (unsigned char)200, -1LL);
    char small[8];
    volatile int bottles = 99;
    /* Cut on purpose; the size is kept from the compiler, which would warn of it. */
    volatile size_t room = sizeof small;
    int needed = snprintf(small, room, "%d bottles", bottles);
    printf("[%s] needed %d\n", small, needed);
    return 0;
}

/* A binary file as the result, written field by field in a stated byte order and in binary mode.
   Equal everywhere: every byte of table.bin. This is what `text_mode_file` and `byte_order` should have done. */
#include <stdint.h>
#include <stdio.h>

static void put(FILE *file, uint64_t value, int bytes)
{
    while (bytes-- > 0)
        fputc((int)(value >> (8 * bytes) & 0xff), file);
}

int main(void)
{
    FILE *file = fopen("table.bin", "wb");
    if (!file)
        return 1;
    for (uint32_t row = 0; row < 64; row++) {
        put(file, row, 2);
        put(file, (uint64_t)row * row * 0x0a0d0a0du, 8);
    }
    long length = ftell(file);
    int closed = fclose(file);
    printf("%ld bytes, closed %d\n", length, closed);
    return 0;
}

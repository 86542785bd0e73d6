/* Faulty on purpose: a text file in UTF-16 without a mark, in the machine's own order. Must differ on big-endian
   targets in the produced file alone. */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
    static const uint16_t text[] = {'n', 'a', 0xef, 'v', 'e', '\r', '\n'};
    FILE *file = fopen("text.txt", "wb");
    if (!file)
        return 1;
    /* The fault: units are written as they lie in memory. */
    fwrite(text, sizeof text[0], sizeof text / sizeof text[0], file);
    fclose(file);
    puts("text written");
    return 0;
}

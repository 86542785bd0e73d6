/* Faulty on purpose: a binary file opened without "b". Must differ on Windows, where each byte 10 in the data becomes
   13 10; in the produced file alone, for stdout, stderr and status are equal. */
#include <stdio.h>

int main(void)
{
    FILE *file = fopen("data.bin", "w");
    if (!file)
        return 1;
    for (int byte = 0; byte < 256; byte++)
        fputc(byte, file);
    fclose(file);
    puts("256 bytes written");
    return 0;
}

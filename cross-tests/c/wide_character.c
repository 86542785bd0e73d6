/* Faulty on purpose: one character taken for one wchar_t. Must differ on Windows, where it has 16 bits and the crab
   becomes two of them. */
#include <stdio.h>
#include <wchar.h>

int main(void)
{
    static const wchar_t text[] = L"crab \U0001F980!";
    printf("%u wide characters\n", (unsigned)wcslen(text));
    printf("the sixth is %x\n", (unsigned)text[5]);
    return 0;
}

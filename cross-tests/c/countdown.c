/* Faulty on purpose: a countdown in plain char to -1. Must be `timeout` where plain char is unsigned (Arm,
   RISC-V, s390x and PowerPC on Linux): it goes from 0 to 255 and never ends there. Equal elsewhere. */
#include <stdio.h>

int main(void)
{
    volatile char left = 3;
    unsigned long turns = 0;
    /* The fault: an unsigned char never becomes negative; it wraps to 255. */
    for (int now = left; now != -1; now = left) {
        left = (char)(left - 1);
        turns++;
    }
    printf("lift-off after %lu turns\n", turns);
    return 0;
}

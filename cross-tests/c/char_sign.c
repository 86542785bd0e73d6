/* Faulty on purpose: bytes above 127 held in plain char and widened.
   Must differ where plain char is unsigned: Arm, RISC-V, s390x and PowerPC on Linux. */
#include <stdio.h>

int main(void)
{
    static const char text[] = {(char)200, 'a', (char)0xe9, 0};
    int sum = 0;
    /* The fault: char has the sign the platform likes. */
    for (int i = 0; i < 3; i++)
        sum += text[i];
    printf("first %d, sum %d\n", text[0], sum);
    return 0;
}

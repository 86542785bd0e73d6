/* Faulty on purpose: a shift by the full width, undefined in C. Must differ where the machine looks at more than five
   bits of the count: 32-bit Arm, s390x and PowerPC give 0; x86, aarch64, RISC-V and WebAssembly leave the value alone. */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
    volatile unsigned count = 32;
    volatile uint32_t value = 0x1234;
    printf("mask %08x\n", (unsigned)(value << count));
    return 0;
}

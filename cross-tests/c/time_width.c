/* Faulty on purpose: a moment after 2038 in time_t. Must differ on 32-bit Linux, where time_t has 32 bits and the
   year becomes 1963. WASI has 64 bits although its pointers have 32. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

int main(void)
{
    volatile int64_t expiry = 4102444800;
    /* The fault: the width of time_t is not asked. */
    time_t moment = (time_t)expiry;
    printf("expires in %d\n", gmtime(&moment)->tm_year + 1900);
    printf("expired: %s\n", moment < 1704067200 ? "yes" : "no");
    return 0;
}

/* malloc, calloc, realloc and free in the patterns programs use: many small blocks, growth, holes, a large block.
   Equal everywhere: contents, zeroing, alignment for any type; never an address. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    enum { BLOCKS = 2000 };
    static unsigned char *blocks[BLOCKS];
    unsigned misaligned = 0, wrong = 0, nonzero = 0;
    for (int i = 0; i < BLOCKS; i++) {
        size_t size = (size_t)(i * 37 % 500) + 1;
        blocks[i] = malloc(size);
        if (!blocks[i])
            return 1;
        misaligned += (uintptr_t)blocks[i] % sizeof(double) != 0;
        memset(blocks[i], i & 0xff, size);
    }
    for (int i = 0; i < BLOCKS; i += 2) {
        free(blocks[i]);
        blocks[i] = calloc(64, 3);
        if (!blocks[i])
            return 1;
        for (int j = 0; j < 192; j++)
            nonzero += blocks[i][j] != 0;
    }
    for (int i = 1; i < BLOCKS; i += 2)
        for (int j = 0; j < i * 37 % 500 + 1; j++)
            wrong += blocks[i][j] != (i & 0xff);
    printf("misaligned %u, wrong %u, not zeroed %u\n", misaligned, wrong, nonzero);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);

    uint32_t *list = NULL, sum = 0;
    for (uint32_t length = 0, room = 0; length < 100000; length++) {
        if (length == room) {
            room = room ? room * 2 : 1;
            list = realloc(list, room * sizeof *list);
            if (!list)
                return 1;
        }
        list[length] = length * 2654435761u;
    }
    for (int i = 0; i < 100000; i++)
        sum ^= list[i];
    printf("grown %08x\n", (unsigned)sum);
    free(list);

    char *large = malloc((size_t)48 << 20);
    if (!large)
        return 1;
    for (size_t at = 0; at < (size_t)48 << 20; at += 4096)
        large[at] = 1;
    printf("large %d\n", large[4096] + large[(47 << 20)]);
    free(large);
    return 0;
}

/* A statically linked program: no loader, no shared library; stdio, heap, sorting, time and math from the archive.
   Equal everywhere: what the dynamic programs print as well. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int main(int argc, char **argv)
{
    (void)argv;
    const char *words[] = {"static", "archive", "linker", "symbol"};
    qsort(words, 4, sizeof words[0], by_text);
    for (int i = 0; i < 4; i++)
        printf("%s ", words[i]);
    volatile double two = 2;
    char *text = malloc(100);
    time_t moment = 86400;
    if (!text)
        return 1;
    strftime(text, 100, "%Y-%m-%d", gmtime(&moment));
    printf("%.9f %s %d\n", sqrt(two), text, argc);
    free(text);
    return 3;
}

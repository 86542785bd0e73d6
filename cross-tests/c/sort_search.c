/* qsort and bsearch with comparison functions, over numbers, strings and structs with distinct keys.
   Equal everywhere: qsort is not stable, so no two keys are equal. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct city {
    const char *name;
    int32_t height;
};

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static int by_height(const void *left, const void *right)
{
    return ((const struct city *)left)->height - ((const struct city *)right)->height;
}

static int by_name(const void *key, const void *element)
{
    return strcmp(key, ((const struct city *)element)->name);
}

int main(void)
{
    uint32_t numbers[1000], state = 1;
    for (int i = 0; i < 1000; i++)
        numbers[i] = state = state * 1664525u + 1013904223u;
    uint32_t wanted = numbers[500];
    qsort(numbers, 1000, sizeof numbers[0], by_number);
    uint32_t *found = bsearch(&wanted, numbers, 1000, sizeof numbers[0], by_number);
    printf("%u %u %u at %d\n", numbers[0], numbers[500], numbers[999], found ? (int)(found - numbers) : -1);

    struct city cities[] = {{"Amsterdam", -2}, {"Bern", 540}, {"La Paz", 3640}, {"Oslo", 23}, {"Quito", 2850}};
    const struct city *city = bsearch("Oslo", cities, 5, sizeof cities[0], by_name);
    printf("%s %d\n", city ? city->name : "nothing", city ? (int)city->height : 0);
    qsort(cities, 5, sizeof cities[0], by_height);
    for (int i = 0; i < 5; i++)
        printf("%s%s", cities[i].name, i < 4 ? " < " : "\n");
    return 0;
}

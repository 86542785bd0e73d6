/* Functions with variable arguments: promoted types, doubles past the registers, va_copy, structs by value, pointers
   to functions. Equal everywhere: each calling convention passes these its own way, all with one meaning. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

struct pair {
    int32_t first;
    double second;
};

static double add(const char *kinds, ...)
{
    va_list list, again;
    double total = 0;
    va_start(list, kinds);
    va_copy(again, list);
    for (const char *kind = kinds; *kind; kind++) {
        if (*kind == 'i')
            total += va_arg(list, int);
        else if (*kind == 'd')
            total += va_arg(list, double);
        else if (*kind == 'q')
            total += (double)va_arg(list, int64_t);
        else if (*kind == 'p') {
            struct pair pair = va_arg(list, struct pair);
            total += pair.first * pair.second;
        } else if (*kind == 's')
            total += va_arg(list, const char *)[0];
    }
    va_end(list);
    if (kinds[0] == 'i')
        total += 1000 * va_arg(again, int);
    va_end(again);
    return total;
}

static void format(char *out, size_t size, const char *pattern, ...)
{
    va_list list;
    va_start(list, pattern);
    vsnprintf(out, size, pattern, list);
    va_end(list);
}

int main(void)
{
    char text[80];
    struct pair pair = {3, 0.5};
    printf("%.3f\n", add("iii", 1, 2, 3));
    printf("%.3f\n", add("dididididid", 0.5, 1, 0.25, 2, 0.125, 3, 8.0, 4, 16.0, 5, 32.0));
    printf("%.3f\n", add("iqiqp", 1, (int64_t)1 << 33, 2, (int64_t)-5, pair));
    printf("%.3f\n", add("dddddddddds", 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., "A"));
    printf("%.3f\n", add("ppppp", pair, pair, pair, pair, pair));
    format(text, sizeof text, "%d %s %.2f %c %lld", 7, "seven", 7.75, '7', 7777777777LL);
    puts(text);
    return 0;
}

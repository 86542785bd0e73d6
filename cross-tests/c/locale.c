/* The "C" locale, asked for and not merely inherited: case, collation, decimal point, time names.
   Equal everywhere; other locales exist on some machines only and are not tried. */
#include <ctype.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int main(void)
{
    printf("%s\n", setlocale(LC_ALL, "C"));
    for (const char *at = "Hello, World 1"; *at; at++)
        putchar(toupper((unsigned char)*at));
    printf("\n%d %d\n", strcoll("a", "B") > 0, strcoll("Z", "a") < 0);
    printf("decimal point [%s], thousands [%s]\n", localeconv()->decimal_point, localeconv()->thousands_sep);
    char text[100];
    struct tm moment = {.tm_year = 124, .tm_mon = 1, .tm_mday = 29, .tm_wday = 4, .tm_yday = 59, .tm_hour = 13};
    strftime(text, sizeof text, "%A %a %B %b %d %j %H %I %p %Y-%m-%d %%", &moment);
    printf("%s\n", text);
    return 0;
}

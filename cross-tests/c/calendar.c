/* Dates: gmtime and strftime of fixed moments before 2038, mktime's normalisation, difftime, a clock that goes on.
   Equal everywhere: UTC only, no time zone of the machine, no reading shown. */
#include <stdio.h>
#include <time.h>

int main(void)
{
    static const int moments[] = {0, 951782400, 1000000000, 1709164800, 2147483647};
    char text[64];
    for (unsigned i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        time_t moment = moments[i];
        const struct tm *parts = gmtime(&moment);
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %a day %j", parts);
        printf("%10d %s, weekday %d\n", moments[i], text, parts->tm_wday);
    }
    struct tm date = {.tm_year = 124, .tm_mon = 13, .tm_mday = 31, .tm_hour = 12};
    mktime(&date);
    printf("14th month, 31st day: %d-%02d-%02d\n", date.tm_year + 1900, date.tm_mon + 1, date.tm_mday);
    printf("%.0f\n", difftime((time_t)1709164800, (time_t)951782400));
    printf("now is after 2024: %s\n", time(NULL) > 1704067200 ? "yes" : "no");
    return 0;
}

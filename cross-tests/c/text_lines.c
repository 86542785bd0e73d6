/* Text read with fgets and sscanf, numbers parsed with strtol and strtod, written with puts and printf.
   Equal everywhere after CRLF became LF: Windows writes text mode line ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char line[200];
    int number = 0, widest = 0;
    while (fgets(line, sizeof line, stdin)) {
        int width = (int)strcspn(line, "\r\n"), letters = 0;
        for (int i = 0; i < width; i++)
            letters += strchr("aeiou", line[i]) != NULL;
        widest = width > widest ? width : widest;
        printf("%2d: %3d bytes, %2d vowels\n", ++number, width, letters);
    }
    printf("widest %d\n", widest);

    int year, month;
    char name[16];
    puts(sscanf("2024-05 spring!", "%d-%d %15[a-z]", &year, &month, name) == 3 ? name : "no match");
    static const char *const texts[] = {"42", " -17 rest", "0x1F", "077", "99999999999999999999", "none"};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *end;
        errno = 0;
        long long value = strtoll(texts[i], &end, 0);
        printf("%lld range %d rest [%s]\n", value, errno == ERANGE, end);
    }
    printf("%.6f %.3e %g\n", strtod("3.25e2", NULL), atof("-0.0625"), strtod("1e-3x", NULL));
    return 0;
}

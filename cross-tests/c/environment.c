/* Environment variables through getenv: set, unset, with blanks and `=` inside.
   Equal everywhere: the values asked for, never the whole list. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    static const char *const names[] = {"GUEST_PLAIN", "GUEST_BLANKS", "GUEST_EQUALS", "GUEST_UNSET"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value)
            printf("%s = [%s]\n", names[i], value);
        else
            printf("%s is not set\n", names[i]);
    }
    return 0;
}

/* Legal difference: the program names its own file and its temporary directory. Equivalent everywhere, in each
   system's spelling. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const char *temporary = getenv("TMPDIR");
    printf("usage: %s FILE (%d arguments given)\n", argc ? argv[0] : "?", argc - 1);
    printf("temporary files go to %s/report\n", temporary ? temporary : "?");
    return 0;
}

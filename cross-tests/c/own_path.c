/* Legal difference: the program names its own file. Equivalent everywhere, in each system's spelling. */
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("usage: %s FILE (%d arguments given)\n", argc ? argv[0] : "?", argc - 1);
    return 0;
}

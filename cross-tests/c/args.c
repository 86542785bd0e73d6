/* Command-line arguments as C sees them: count, lengths, bytes, the closing null pointer, the stem of argv[0].
   Equal everywhere for ASCII; the directory and suffix of argv[0] are not shown. */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *name = argv[0];
    for (const char *at = name; *at; at++)
        if (*at == '/' || *at == '\\')
            name = at + 1;
    printf("program %.*s\n", (int)strcspn(name, "."), name);
    printf("count %d, closed by null: %s\n", argc - 1, argv[argc] == NULL ? "yes" : "no");
    for (int i = 1; i < argc; i++)
        printf("%d: %u bytes [%s]\n", i, (unsigned)strlen(argv[i]), argv[i]);
    return 0;
}

/* string.h and ctype.h over ASCII: search, compare, tokens, spans, overlapping moves, classification.
   Equal everywhere: results and signs (the size of a comparison's result is free). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

int main(void)
{
    char text[64] = "the quick brown fox";
    printf("%u %s %s %s\n", (unsigned)strlen(text), strstr(text, "quick"), strrchr(text, 'o'), strpbrk(text, "xyz"));
    printf("%d %d %d %d\n", sign(strcmp("abc", "abd")), sign(strncmp("abc", "abd", 2)), sign(strcmp("b", "abc")),
           sign(memcmp("\xff", "\x01", 1)));
    printf("%u %u\n", (unsigned)strspn("aabbc", "ab"), (unsigned)strcspn("aabbc", "c"));
    memmove(text + 4, text, 10);
    printf("%s\n", text);
    strcpy(text, "one,two;;three");
    for (char *token = strtok(text, ",;"); token; token = strtok(NULL, ",;"))
        printf("<%s>", token);
    strncpy(text, "ab", 8);
    strcat(text, "cd");
    printf(" %s %d\n", text, text[7]);
    int classes[8] = {0};
    for (int c = 0; c < 128; c++) {
        classes[0] += isalpha(c) != 0;
        classes[1] += isdigit(c) != 0;
        classes[2] += isspace(c) != 0;
        classes[3] += ispunct(c) != 0;
        classes[4] += isupper(c) != 0;
        classes[5] += iscntrl(c) != 0;
        classes[6] += isxdigit(c) != 0;
        classes[7] += toupper(c) != c;
    }
    for (int i = 0; i < 8; i++)
        printf("%d ", classes[i]);
    printf("\n");
    return 0;
}

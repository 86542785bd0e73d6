/* Faulty on purpose: two files whose names differ in case only. Must differ on Windows, which takes them for one. */
#include <stdio.h>

static int put(const char *name, const char *text)
{
    FILE *file = fopen(name, "wb");
    return !file || fputs(text, file) < 0 || fclose(file);
}

int main(void)
{
    /* The fault: `Notes.txt` and `NOTES.TXT` are one file on some systems. */
    if (put("Notes.txt", "first\n") || put("NOTES.TXT", "second\n"))
        return 1;
    puts("two files written");
    return 0;
}

/* Files through stdio: write, seek, overwrite, append, rename, remove, a stream that is closed for reading.
   Equal everywhere: contents, positions, return values; binary mode, so no line end is translated. */
#include <stdio.h>
#include <string.h>

static void show(const char *path)
{
    char text[100] = "";
    FILE *file = fopen(path, "rb");
    if (!file) {
        printf("%s: cannot be opened\n", path);
        return;
    }
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = 0;
    printf("%s: %u bytes, %s", path, (unsigned)length, text);
    fclose(file);
}

int main(void)
{
    FILE *file = fopen("note.txt", "wb+");
    if (!file)
        return 1;
    fputs("one two three\n", file);
    fseek(file, 4, SEEK_SET);
    fwrite("TWO", 1, 3, file);
    printf("at %ld", ftell(file));
    fseek(file, -6, SEEK_END);
    printf(", at %ld", ftell(file));
    int first = fgetc(file);
    ungetc('#', file);
    printf(", read %c then %c\n", first, fgetc(file));
    fclose(file);
    show("note.txt");

    file = fopen("note.txt", "ab");
    if (!file)
        return 1;
    fprintf(file, "appended %d\n", 42);
    fclose(file);
    printf("rename %d\n", rename("note.txt", "moved.txt"));
    show("moved.txt");
    show("note.txt");
    /* Two statements, since the order of two arguments is free: see `argument_order`. */
    printf("remove %d, ", remove("moved.txt"));
    printf("again %s\n", remove("moved.txt") ? "fails" : "works");
    return 0;
}

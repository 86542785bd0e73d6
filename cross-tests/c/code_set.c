/* Faulty on purpose: the name of the locale's character set is part of the output. Must differ on WASI, whose C library
   (musl's) always says UTF-8; Windows has no such question and answers as glibc does. */
#include <stdio.h>
#ifndef _WIN32
#include <langinfo.h>
#endif

int main(void)
{
#ifndef _WIN32
    printf("charset %s\n", nl_langinfo(CODESET));
#else
    puts("charset ANSI_X3.4-1968");
#endif
    return 0;
}

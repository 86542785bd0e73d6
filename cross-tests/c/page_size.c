/* Faulty on purpose: a file format pads its records to a page of memory. Must differ on WebAssembly, whose pages have
   64 KiB. */
#include <stdio.h>
#ifndef _WIN32
#include <unistd.h>
#else
#include <windows.h>
#endif

int main(void)
{
#ifndef _WIN32
    long page = sysconf(_SC_PAGESIZE);
#else
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    long page = (long)info.dwPageSize;
#endif
    /* The fault: the page is the machine's, the format everyone's. */
    printf("header padded to %ld bytes\n", page);
    return 0;
}

/* A library loaded at run time: opened by name, a symbol found and called, a missing symbol and a missing library refused.
   Equal everywhere: values and yes or no. WASI cannot load libraries and calls the linked function. */
#include <math.h>
#include <stdio.h>

#if defined(_WIN32)
#include <windows.h>
#define OPEN(name) ((void *)LoadLibraryA(name))
#define FIND(library, name) ((void *)(UINT_PTR)GetProcAddress((HMODULE)(library), name))
#define CLOSE(library) (!FreeLibrary((HMODULE)(library)))
#define LIBRARY "msvcrt.dll"
#elif defined(__wasi__)
static void *find(const char *name)
{
    static double (*function)(double) = floor;
    return name[0] == 'f' ? *(void **)&function : NULL;
}
#define OPEN(name) ((name)[0] == 'b' ? (void *)"library" : NULL)
#define FIND(library, name) find(name)
#define CLOSE(library) 0
#define LIBRARY "built in"
#else
#include <dlfcn.h>
#define OPEN(name) dlopen(name, RTLD_NOW)
#define FIND(library, name) dlsym(library, name)
#define CLOSE(library) dlclose(library)
#define LIBRARY "libm.so.6"
#endif

int main(void)
{
    double (*function)(double) = NULL;
    void *library = OPEN(LIBRARY);
    if (!library)
        return 1;
    /* ISO C has no conversion from object to function pointers; POSIX fills one through its address. */
    *(void **)&function = FIND(library, "floor");
    if (!function)
        return 2;
    printf("%.2f %.2f\n", function(2.75), function(-2.25));
    printf("missing symbol: %s\n", FIND(library, "no_such_function") ? "found" : "refused");
    printf("closed %d\n", CLOSE(library));
    printf("missing library: %s\n", OPEN("no-such-library.so.99") ? "opened" : "refused");
    return 0;
}

/* Floating-point functions whose result IEEE 754 fixes exactly: sqrt, floor, fmod, ldexp, frexp, fma on exact values,
   a matrix product and Horner's rule in binary fractions. Equal everywhere, 32-bit x86 with its x87 unit included,
   because every intermediate value is exact. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void show(const char *name, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    printf("%-8s %016llx %.6f\n", name, (unsigned long long)bits, value);
}

int main(void)
{
    volatile double x = 20.25, y = -2.5;
    int exponent;
    show("sqrt", sqrt(x));
    show("floor", floor(y));
    show("ceil", ceil(y));
    show("trunc", trunc(y));
    show("round", round(y));
    show("fabs", fabs(y));
    show("fmod", fmod(x, y));
    show("ldexp", ldexp(y, 10));
    show("frexp", frexp(x, &exponent) + exponent);
    show("fma", fma(x, y, 0.125));
    show("copysign", copysign(x, y));
    show("fmax", fmax(x, y) + fmin(x, y));

    double left[4][4], right[4][4], trace = 0;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            left[i][j] = (i * 3 + j) / 8.0 - 1;
            right[i][j] = (j * 5 - i) / 4.0;
        }
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++)
            trace += left[i][k] * right[k][i];
    show("trace", trace);
    double value = 0;
    for (int degree = 0; degree < 12; degree++)
        value = value * 0.5 + degree;
    show("horner", value);
    return 0;
}

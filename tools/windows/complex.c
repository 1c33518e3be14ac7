/* What NumPy and SciPy ask of Windows' C library, and Wine's lacks: functions of complex numbers.

Windows passes a complex number as a structure of its two parts, and long double is double there. */
#include <complex.h>

typedef struct { double real, imag; } Double;
typedef struct { float real, imag; } Float;

static double complex value(Double z) { return z.real + z.imag * I; }
static double complex valuef(Float z) { return z.real + z.imag * I; }
static Double made(double complex z) { return (Double){creal(z), cimag(z)}; }
static Float madef(double complex z) { return (Float){(float)creal(z), (float)cimag(z)}; }

#define TO_COMPLEX(name)                                        \
  Double our_##name(Double z) { return made(name(value(z))); }  \
  Double our_##name##l(Double z) { return our_##name(z); }      \
  Float our_##name##f(Float z) { return madef(name(valuef(z))); }

#define TO_REAL(name)                                     \
  double our_##name(Double z) { return name(value(z)); }  \
  double our_##name##l(Double z) { return our_##name(z); } \
  float our_##name##f(Float z) { return (float)name(valuef(z)); }

TO_COMPLEX(catan)
TO_COMPLEX(ccos)
TO_COMPLEX(ccosh)
TO_COMPLEX(cexp)
TO_COMPLEX(clog)
TO_COMPLEX(csin)
TO_COMPLEX(csinh)
TO_COMPLEX(csqrt)
TO_COMPLEX(ctan)
TO_COMPLEX(ctanh)
TO_REAL(cabs)
TO_REAL(carg)
TO_REAL(cimag)
TO_REAL(creal)

Double our_cpow(Double z, Double w) { return made(cpow(value(z), value(w))); }
Double our_cpowl(Double z, Double w) { return our_cpow(z, w); }
Float our_cpowf(Float z, Float w) { return madef(cpow(valuef(z), valuef(w))); }

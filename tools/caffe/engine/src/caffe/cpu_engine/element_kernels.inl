// Kernels of single elements and channels; see element_kernels.hpp for what each does.

// The last values of a row, fewer than a vector. They take the same instructions as all others,
// so that what a forward and a backward pass compute of a value is the same to the bit.
inline Vec load_part(const float* p, ptrdiff_t n, float fill) {
  Vec v = broadcast(fill);
  __builtin_memcpy(&v, p, n * sizeof(float));
  return v;
}
inline void store_part(float* p, ptrdiff_t n, Vec v) { __builtin_memcpy(p, &v, n * sizeof(float)); }

inline double sum_of(Vec v) {
  double sum = 0;
  for (int lane = 0; lane < kWidth; ++lane) {
    sum += v[lane];
  }
  return sum;
}

// Single-precision sums run over no more values than this; longer ones are added up in double.
// 16 KB, so that a second look finds them in the L1 cache.
const ptrdiff_t kBlock = 4096;
const int kSums = 4;  // side by side, because an addition waits for the one before

// n is at most kBlock. A first sum gives about the mean; distances from it then give mean and
// squares without the cancellation that large means bring.
inline void block_moments(ptrdiff_t n, const float* x, double* mean, double* squares) {
  Vec sum[kSums] = {};
  ptrdiff_t i = 0;
  for (; i + kSums * kWidth <= n; i += kSums * kWidth) {
#pragma GCC unroll 4
    for (int j = 0; j < kSums; ++j) {
      sum[j] += load(x + i + j * kWidth);
    }
  }
  for (; i < n; i += kWidth) {
    sum[0] += n - i < kWidth ? load_part(x + i, n - i, 0) : load(x + i);
  }
  const float guess = sum_of((sum[0] + sum[1]) + (sum[2] + sum[3])) / n;

  Vec distance[kSums] = {}, square[kSums] = {};
  for (i = 0; i + kSums * kWidth <= n; i += kSums * kWidth) {
#pragma GCC unroll 4
    for (int j = 0; j < kSums; ++j) {
      const Vec d = load(x + i + j * kWidth) - guess;
      distance[j] += d;
      square[j] = multiply_add(d, d, square[j]);
    }
  }
  for (; i < n; i += kWidth) {
    const Vec d = (n - i < kWidth ? load_part(x + i, n - i, guess) : load(x + i)) - guess;
    distance[0] += d;
    square[0] = multiply_add(d, d, square[0]);
  }
  const double beyond = sum_of((distance[0] + distance[1]) + (distance[2] + distance[3])) / n;
  *mean = guess + beyond;
  *squares = sum_of((square[0] + square[1]) + (square[2] + square[3])) - beyond * beyond * n;
}

void add_moments(ptrdiff_t n, const float* x, Moments* moments) {
  for (ptrdiff_t i = 0; i < n; i += kBlock) {
    const ptrdiff_t size = n - i < kBlock ? n - i : kBlock;
    double mean, squares;
    block_moments(size, x + i, &mean, &squares);
    const double apart = mean - moments->mean;
    const double count = moments->count + size;
    moments->mean += apart * size / count;
    moments->squares += squares + apart * apart * moments->count * size / count;
    moments->count = count;
  }
}

inline Vec normalized(const Channel& c, Vec x) {
  return multiply_add(c.scale, x - c.mean, broadcast(c.offset));
}

// gamma z + beta.
inline Vec before_activation(const Channel& c, Vec z) {
  return multiply_add(c.gamma, z, broadcast(c.beta));
}

// act(gamma z + beta). Adding 0 makes -0 a 0, as in Caffe's own ReLU; NaN stays NaN.
inline Vec activated(const Channel& c, Vec z) {
  const Vec v = before_activation(c, z);
  return v > Vec() ? v : c.slope * v + Vec();
}

// Fewer values than a vector.
inline void forward_part(const Channel& c, ptrdiff_t n, const float* x, float* z, float* y) {
  const Vec value = normalized(c, load_part(x, n, 0));
  if (z != NULL) {
    store_part(z, n, value);
  }
  store_part(y, n, activated(c, value));
}

// Past the caches, to an address that is a multiple of a vector's size: the line is not read first.
inline void stream(float* p, Vec v) {
#if ENGINE_WIDTH == 16
  __builtin_ia32_movntps512(p, v);
#else
  __builtin_ia32_movntps256(p, v);
#endif
}

enum Keep { kNothing, kCached, kStreamed };

template <Keep keep>
inline void forward_row(const Channel& channel, ptrdiff_t n, const float* x, float* z, float* y) {
  const Channel c = channel;  // a copy, which no store can change
  ptrdiff_t i = 0;
  if (keep == kStreamed) {
    i = -(reinterpret_cast<size_t>(z) / sizeof(float)) % kWidth;
    i = i < n ? i : n;
    forward_part(c, i, x, z, y);
  }
  for (; i + kWidth <= n; i += kWidth) {
    const Vec value = normalized(c, load(x + i));
    if (keep == kStreamed) {
      stream(z + i, value);
    } else if (keep == kCached) {
      store(z + i, value);
    }
    store(y + i, activated(c, value));
  }
  forward_part(c, n - i, x + i, keep == kNothing ? NULL : z + i, y + i);
  if (keep == kStreamed) {
    __builtin_ia32_sfence();
  }
}

void forward(const Channel& channel, ptrdiff_t n, const float* x, float* z, float* y, bool later) {
  if (z == NULL) {
    forward_row<kNothing>(channel, n, x, z, y);
  } else if (later) {
    forward_row<kStreamed>(channel, n, x, z, y);
  } else {
    forward_row<kCached>(channel, n, x, z, y);
  }
}

// The gradient at gamma z + beta, from that at act(gamma z + beta).
inline Vec gradient_before_activation(const Channel& c, Vec z, Vec dy) {
  return before_activation(c, z) > Vec() ? dy : c.slope * dy;
}

template <bool activation>
inline void block_gradient_sums(const Channel& c, ptrdiff_t n, const float* z, const float* dy,
                                GradientSums* sums) {
  Vec plain[kSums] = {}, with_z[kSums] = {};
  ptrdiff_t i = 0;
  for (; i + kSums * kWidth <= n; i += kSums * kWidth) {
#pragma GCC unroll 4
    for (int j = 0; j < kSums; ++j) {
      const Vec value = load(z + i + j * kWidth);
      Vec g = load(dy + i + j * kWidth);
      if (activation) {
        g = gradient_before_activation(c, value, g);
      }
      plain[j] += g;
      with_z[j] = multiply_add(g, value, with_z[j]);
    }
  }
  for (; i < n; i += kWidth) {
    const bool part = n - i < kWidth;
    const Vec value = part ? load_part(z + i, n - i, 0) : load(z + i);
    Vec g = part ? load_part(dy + i, n - i, 0) : load(dy + i);
    if (activation) {
      g = gradient_before_activation(c, value, g);
    }
    plain[0] += g;
    with_z[0] = multiply_add(g, value, with_z[0]);
  }
  sums->plain += sum_of((plain[0] + plain[1]) + (plain[2] + plain[3]));
  sums->with_z += sum_of((with_z[0] + with_z[1]) + (with_z[2] + with_z[3]));
}

void add_gradient_sums(const Channel& channel, ptrdiff_t n, const float* z, const float* dy,
                       GradientSums* sums) {
  const Channel c = channel;
  for (ptrdiff_t i = 0; i < n; i += kBlock) {
    const ptrdiff_t size = n - i < kBlock ? n - i : kBlock;
    if (c.slope != 1) {
      block_gradient_sums<true>(c, size, z + i, dy + i, sums);
    } else {
      block_gradient_sums<false>(c, size, z + i, dy + i, sums);
    }
  }
}

template <bool activation, bool centered>
inline Vec gradient(const Channel& c, const GradientTerms& t, Vec z, Vec dy) {
  const Vec g = activation ? gradient_before_activation(c, z, dy) : dy;
  return centered ? multiply_add(t.of_g, g, multiply_add(t.of_z, z, broadcast(t.constant)))
                  : t.of_g * g;
}

template <bool activation, bool centered>
void backward_row(const Channel& channel, const GradientTerms& terms, ptrdiff_t n, const float* z,
                  const float* dy, float* dx) {
  const bool reads_z = activation || centered;
  const Channel c = channel;
  const GradientTerms t = terms;
  ptrdiff_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    const Vec value = reads_z ? load(z + i) : Vec();
    store(dx + i, gradient<activation, centered>(c, t, value, load(dy + i)));
  }
  if (i < n) {
    const Vec value = reads_z ? load_part(z + i, n - i, 0) : Vec();
    const Vec last = load_part(dy + i, n - i, 0);
    store_part(dx + i, n - i, gradient<activation, centered>(c, t, value, last));
  }
}

void backward(const Channel& channel, const GradientTerms& terms, ptrdiff_t n, const float* z,
              const float* dy, float* dx) {
  const bool centered = terms.of_z != 0 || terms.constant != 0;
  if (channel.slope != 1) {
    (centered ? backward_row<true, true> : backward_row<true, false>)(channel, terms, n, z, dy, dx);
  } else {
    (centered ? backward_row<false, true> : backward_row<false, false>)(channel, terms, n, z, dy,
                                                                        dx);
  }
}

typedef int IntVec __attribute__((vector_size(4 * ENGINE_WIDTH)));

// exp(x) = 2^n exp(r), |r| <= ln(2) / 2, where the eighth power of r counts for less than 1e-8.
inline Vec exponential(Vec x) {
  const float largest = 87;  // 2^n stays a normal number
  x = x > largest ? broadcast(largest) : x;
  x = x < -largest ? broadcast(-largest) : x;
  const float to_integer = 3 << 22;  // added, it leaves no bits for a fraction
  const Vec shifted = multiply_add(1.44269504f, x, broadcast(to_integer));
  const Vec n = shifted - to_integer;
  const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;  // n ln2_high is exact
  const Vec r = multiply_add(-ln2_low, n, multiply_add(-ln2_high, n, x));
  Vec sum = broadcast(1.f / 5040);
  sum = multiply_add(sum, r, broadcast(1.f / 720));
  sum = multiply_add(sum, r, broadcast(1.f / 120));
  sum = multiply_add(sum, r, broadcast(1.f / 24));
  sum = multiply_add(sum, r, broadcast(1.f / 6));
  sum = multiply_add(sum, r, broadcast(1.f / 2));
  sum = multiply_add(sum, r, broadcast(1));
  sum = multiply_add(sum, r, broadcast(1));
  const IntVec power = (reinterpret_cast<IntVec>(shifted) << 23) + (127 << 23);
  return sum * reinterpret_cast<Vec>(power);
}

inline Vec sigmoid_of(Vec x) { return 1 / (1 + exponential(-x)); }

void sigmoid(ptrdiff_t n, const float* x, float* y) {
  ptrdiff_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    store(y + i, sigmoid_of(load(x + i)));
  }
  store_part(y + i, n - i, sigmoid_of(load_part(x + i, n - i, 0)));
}

inline Vec square_root(Vec v) {
#if ENGINE_WIDTH == 16
  const int current_rounding = 4;
  return __builtin_ia32_sqrtps512_mask(v, v, -1, current_rounding);
#else
  return __builtin_ia32_sqrtps256(v);
#endif
}

inline Vec adam_update(const AdamStep& s, Vec g, Vec* m, Vec* v) {
  *m = multiply_add(1 - s.beta1, g, s.beta1 * *m);
  *v = multiply_add(1 - s.beta2, g * g, s.beta2 * *v);
  return s.rate * (*m / (square_root(*v) + s.delta));
}

void adam(const AdamStep& step, ptrdiff_t n, float* g, float* m, float* v) {
  const AdamStep s = step;
  ptrdiff_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    Vec first = load(m + i), second = load(v + i);
    store(g + i, adam_update(s, load(g + i), &first, &second));
    store(m + i, first);
    store(v + i, second);
  }
  if (i < n) {
    Vec first = load_part(m + i, n - i, 0), second = load_part(v + i, n - i, 1);
    store_part(g + i, n - i, adam_update(s, load_part(g + i, n - i, 0), &first, &second));
    store_part(m + i, n - i, first);
    store_part(v + i, n - i, second);
  }
}

const ElementKernels element_kernels = {add_moments, forward, add_gradient_sums, backward,
                                        sigmoid,     adam};
